package patching

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
)

// Receivers are the ends of the paths that a [Path] follows: [FinalResid] or [Heads].
type Receivers struct {
	known bool
	site  hooked.Site
	heads map[int][]int // by layer; nil for the final residual stream
}

// FinalResid receives what reaches the last residual stream.
func FinalResid() Receivers { return Receivers{known: true} }

// HeadAt names a head.
type HeadAt struct{ Layer, Head int }

// Heads receive at their queries, keys or values: site is [hooked.AttnQ], [hooked.AttnK] or
// [hooked.AttnV]. In a model with grouped queries the heads of keys and values are key-value heads,
// unless [Ungroup] is given.
func Heads(site hooked.Site, heads ...HeadAt) Receivers {
	r := Receivers{known: true, site: site, heads: make(map[int][]int)}
	for _, h := range heads {
		r.heads[h.Layer] = append(r.heads[h.Layer], h.Head)
	}
	return r
}

// Path measures what each head tells the receivers directly, past all other heads (Wang et al.
// 2022, arXiv:2211.00593, appendix B; Goldowsky-Dill et al. 2023, arXiv:2304.05969):
//
//	patching.Path{
//		To:     patching.Heads(hooked.AttnV, patching.HeadAt{Layer: 8, Head: 6}),
//		Base:   clean,
//		Source: patching.FromTokens(corrupted),
//		Metric: hooked.LogitDiff(answers),
//	}.Run(model)
//
// For each sender, in a run on the base tokens, its z is replaced by that in the source, while all
// other heads' z stay as they are in the base run and MLPs are computed anew. What so reaches the
// receivers is put there in a second run on the base tokens, whose metric is the result. All fields
// are needed.
//
// TransformerLens 2 has no such function; base is what ARENA calls orig, source what it calls new.
type Path struct {
	To     Receivers
	Base   hooked.Tokens // [prompt][pos]
	Source Source
	Metric hooked.Metric
}

// Run computes the grid: [layer, head] of the senders, which are the heads below the last receiver.
func (p Path) Run(m *hooked.Model, options ...Option) (*Grid, error) {
	grid, err := p.grid(m, options)
	if err != nil {
		return nil, fmt.Errorf("path patching: %w", err)
	}
	return grid, nil
}

func (p Path) grid(m *hooked.Model, options []Option) (*Grid, error) {
	set, err := newSettings(options, way{verb: "path patching"})
	if err != nil {
		return nil, err
	}
	if err := p.check(m, set); err != nil {
		return nil, err
	}
	r, err := Sweep{Kind: HeadOutAllPos, Base: p.Base, Source: p.Source, Metric: p.Metric}.runner(m, set)
	if err != nil {
		return nil, err
	}
	r.sp.keepLayers(p.To.below(m.Config()))
	f := &follower{r, p.To}
	r.pass, r.alone = f.follow, f.followAlone
	return r.grid()
}

func (p Path) check(m *hooked.Model, set *settings) error {
	if err := checkModel(m); err != nil {
		return err
	}
	to := field{"To", p.To.known, "the receivers: FinalResid() or Heads(site, heads...)"}
	if err := checkFields("Path", append([]field{to}, runFields(p.Base, p.Source, p.Metric)...)); err != nil {
		return err
	}
	return p.To.check(m.Config(), set)
}

func (to Receivers) check(c hooked.Config, s *settings) error {
	if to.heads == nil {
		return nil
	}
	if !slices.Contains([]hooked.Site{hooked.AttnQ, hooked.AttnK, hooked.AttnV}, to.site) {
		return fmt.Errorf("heads receive at hook_q, hook_k or hook_v, not at %s", to.site)
	}
	if len(to.heads) == 0 {
		return fmt.Errorf("there are no receiving heads")
	}
	n := c.NHeads
	if to.site != hooked.AttnQ && !s.ungroup {
		n = c.NKeyValueHeads
	}
	for l, heads := range to.heads {
		if l < 1 || l >= c.NLayers || slices.Min(heads) < 0 || slices.Max(heads) >= n {
			return fmt.Errorf("heads %v of layer %d cannot receive: the model has layers 1 to %d above the first, with %d heads at %s", heads, l, c.NLayers-1, n, to.site)
		}
	}
	return nil
}

// below is the layer that all senders lie below.
func (to Receivers) below(c hooked.Config) int {
	if to.heads == nil {
		return c.NLayers
	}
	last := 0
	for l := range to.heads {
		last = max(last, l)
	}
	return last
}

// frozenBelow is the layer below which heads keep what they do in the base run: where the last
// receives, they are frozen too.
func (to Receivers) frozenBelow(c hooked.Config) int {
	if to.heads == nil {
		return c.NLayers
	}
	return to.below(c) + 1
}

func (to Receivers) first() int {
	first := -1
	for l := range to.heads {
		if first < 0 || l < first {
			first = l
		}
	}
	return first
}

// follower computes batches of senders.
type follower struct {
	*runner
	to Receivers
}

// follow computes the last residual stream of a batch.
func (p *follower) follow(b batch, meter *meter) (*hooked.Tensor, error) {
	if p.to.heads == nil {
		x, _, err := p.frozen(b, b.layer(), p.m.Config().NLayers, meter)
		return x, err
	}
	first := p.to.first()
	_, received, err := p.frozen(b, min(b.layer(), first), p.to.frozenBelow(p.m.Config()), meter)
	if err != nil {
		return nil, err
	}
	return p.receive(b, first, received)
}

// frozen runs layers from to to, with the senders' z from the source and all other heads' z from
// the base run. It keeps what the receivers get.
func (p *follower) frozen(b batch, from, to int, meter *meter) (x *hooked.Tensor, received map[int]*hooked.Tensor, err error) {
	var record []hooked.Site
	if p.to.heads != nil {
		record = []hooked.Site{p.to.site}
	}
	branches, err := p.branches(b, p.freeze(b.from), record...)
	if err != nil {
		return nil, nil, err
	}
	prompts := b.prompts()
	if x, err = branches.Start(from, prompts); err != nil {
		return nil, nil, err
	}
	received = make(map[int]*hooked.Tensor)
	for l := from; l < to; l++ {
		values, err := p.values(b, l)
		if err != nil {
			return nil, nil, err
		}
		z, err := p.base.Lookup(hooked.AttnZ.At(l))
		if err != nil {
			return nil, nil, err
		}
		var sites []*hooked.Tensor
		if x, sites, err = branches.Block(l, prompts, x, append(values, z)); err != nil {
			return nil, nil, err
		}
		if p.to.heads[l] != nil {
			received[l] = sites[0]
		}
		if err := meter.add(b.size); err != nil {
			return nil, nil, err
		}
	}
	return x, received, nil
}

// freeze is [runner.edit] with the base run's activation, the last of the values, where nothing is
// replaced.
func (p *follower) freeze(from int) branchEdit {
	return branchEdit{At: hooked.AttnZ, Apply: func(x *Node, values []*Node) *Node {
		picks, base := values[2:len(values)-1], values[len(values)-1]
		return Where(p.mask(x, picks, from), p.ofRows(values[0], values[1], from), p.ofRows(base, values[1], from))
	}}
}

// receive runs the base run's layers from first to the end with what the receivers got.
func (p *follower) receive(b batch, first int, received map[int]*hooked.Tensor) (*hooked.Tensor, error) {
	branches, err := p.branches(b, branchEdit{At: p.to.site, Apply: hear})
	if err != nil {
		return nil, err
	}
	prompts := b.prompts()
	x, err := branches.Start(first, prompts)
	if err != nil {
		return nil, err
	}
	for l := first; l < p.m.Config().NLayers; l++ {
		got := received[l]
		if got == nil {
			got = received[first]
		}
		if x, _, err = branches.Block(l, prompts, x, []any{got, p.to.marks(l, got.Shape()[2])}); err != nil {
			return nil, err
		}
	}
	return x, p.s.ctx.Err()
}

// hear gives the heads that are marked what they have received; values are that and the marks.
func hear(x *Node, values []*Node) *Node {
	heads := BroadcastToDims(Reshape(values[1], 1, 1, -1, 1), x.Shape().Dimensions...)
	return Where(GreaterThan(heads, ZerosLike(heads)), values[0], x)
}

// marks are 1 for the heads of layer l that receive, of n.
func (to Receivers) marks(l, n int) []int {
	marks := make([]int, n)
	for _, h := range to.heads[l] {
		marks[h] = 1
	}
	return marks
}
