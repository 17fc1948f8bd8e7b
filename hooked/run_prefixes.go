package hooked

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Prompts that begin alike, as the pairs of an experiment do, have the same activations up to where
// they part: in a causal model these depend on what comes before alone. A run without edits
// computes each distinct prefix of its prompts once. In the graph the activations of prefixes are
// [1, prefix, ...]; attention and whoever looks at an activation get them as [batch, pos, ...].

// prefixes are the distinct prefixes of some prompts.
type prefixes struct {
	token, pos []int32 // the last token of each, and its position
	first      []int32 // where each is met first, counted over all prompts
	of         []int32 // the prefix that ends at each position of each prompt
}

func (t Tokens) prefixes() prefixes {
	type step struct{ prefix, token int32 }
	longer := make(map[step]int32)
	var out prefixes
	for _, row := range t {
		prefix := int32(-1)
		for pos, token := range row {
			next, known := longer[step{prefix, int32(token)}]
			if !known {
				next = int32(len(out.token))
				longer[step{prefix, int32(token)}] = next
				out.token = append(out.token, int32(token))
				out.pos = append(out.pos, int32(pos))
				out.first = append(out.first, int32(len(out.of)))
			}
			out.of = append(out.of, next)
			prefix = next
		}
	}
	return out
}

// fill repeats the first prefix until there are n: a program is compiled for a round number of
// them.
func (p *prefixes) fill(n int) {
	for len(p.token) < n {
		p.token, p.pos, p.first = append(p.token, p.token[0]), append(p.pos, p.pos[0]), append(p.first, p.first[0])
	}
}

// prefixStep is what the number of prefixes is rounded up to, for prompts of so many tokens
// together.
func prefixStep(tokens int) int { return max(8, tokens/16) }

// Graph inputs of a run by prefixes.
const (
	inputPrefixToken = "input.prefix.token" // [1, prefix] int32
	inputPrefixPos   = "input.prefix.pos"   // [1, prefix] int32
	inputPrefixFirst = "input.prefix.first" // [prefix, 1] int32
	inputPrefixOf    = "input.prefix.of"    // [batch*pos, 1] int32
)

// setPrefixes makes the run one by prefixes where that saves a quarter of the work or more.
func (r *run) setPrefixes() error {
	p, c := r.plan, r.m.cfg
	if r.tokens == nil || p.fromResidual || p.masked || p.kvRoom > 0 || len(p.edits) > 0 || c.AttentionDir != Causal || p.whole(c) {
		return nil
	}
	if r.m.eng.cutsBatch(p.batch) { // each device computes its own prompts
		return nil
	}
	distinct := r.tokens.prefixes()
	total := len(distinct.of)
	step := prefixStep(total)
	n := (len(distinct.token) + step - 1) / step * step
	if 4*n > 3*total {
		return nil
	}
	p.prefixes = n
	distinct.fill(n)
	for _, in := range []struct {
		name string
		flat []int32
		dims []int
	}{
		{inputPrefixToken, distinct.token, []int{1, n}},
		{inputPrefixPos, distinct.pos, []int{1, n}},
		{inputPrefixFirst, distinct.first, []int{n, 1}},
		{inputPrefixOf, distinct.of, []int{total, 1}},
	} {
		if err := r.in.set(in.name, in.flat, dtypes.Int32, in.dims...); err != nil {
			return err
		}
	}
	return nil
}

// byPrefix reports whether x is an activation of prefixes.
func (b *builder) byPrefix(x *Node) bool { return b.plan.prefixes > 0 && x.Shape().Dim(0) == 1 }

// spreadPrefixes gives each position of each prompt the activation of the prefix that ends there.
func (b *builder) spreadPrefixes(x *Node) *Node {
	if !b.byPrefix(x) {
		return x
	}
	of := b.input(inputPrefixOf, dtypes.Int32, b.batch*b.pos, 1)
	return gatherPlaces(x, of, b.batch, b.pos)
}

// gatherPlaces is x [a, b, ...] at some places of its first two axes together, [n, m, ...].
func gatherPlaces(x, places *Node, n, m int) *Node {
	d := x.Shape().Dimensions
	rest := d[2:]
	return Reshape(Gather(Reshape(x, d[0]*d[1], sizeOf(rest)), places), append([]int{n, m}, rest...)...)
}

// spreadPrefixes is [builder.spreadPrefixes] of an activation that a run by prefixes has left.
func (r *run) spreadPrefixes(t *Tensor) (out *Tensor, err error) {
	if r.plan.prefixes == 0 {
		return t, nil
	}
	of, err := tensors.FromBuffer(r.in.values[inputPrefixOf])
	if err != nil {
		return nil, err
	}
	err = Try(func() {
		value := r.m.eng.eager(fmt.Sprint("everywhere ", r.plan.batch, r.plan.pos), func(in []*Node) *Node {
			return gatherPlaces(in[0], in[1], r.plan.batch, r.plan.pos)
		}, t.value, of)
		out = &Tensor{value, t.axes, t.eng}
	})
	return out, err
}

// oncePerPrefix undoes spreadPrefixes, in runs by prefixes.
func (b *builder) oncePerPrefix(x *Node) *Node {
	if b.plan.prefixes == 0 {
		return x
	}
	first := b.input(inputPrefixFirst, dtypes.Int32, b.plan.prefixes, 1)
	return gatherPlaces(x, first, 1, b.plan.prefixes)
}
