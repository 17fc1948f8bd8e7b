package hooked

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// A builder builds the graph of one run. Its methods are the parts of a transformer; like GoMLX's
// own graph functions they panic, and [Model.traceWith] turns that into an error.
type builder struct {
	stack // the layers that are being built, and where their positions stand

	plan   *plan
	g      *Graph
	specs  map[string]weightSpec // of the weights that such a model may have, by canonical name
	shapes map[string][]int      // on the device, of those that it has

	batch int // prompts
	// [batch, source, d_model] what an encoder-decoder's encoder has made of its text, which the
	// decoder's layers look at; nil in other models, and where their keys and values are given
	encoded  *Node
	sourceKV []*Node // these keys and values of each layer, for the next run

	// given is what a graph of somebody else's has for parameters; nil in one of our own.
	given  func(name string, shape shapes.Shape) *Node
	inputs []string         // names of the graph's parameters, in their order
	byName map[string]*Node // the same
	taps   map[Site]*tapped // sites met so far

	editing []editing // the edits that are under way, each inside the one before
	made    []Site    // the taps that edits have made, in their order

	newKV []*Node // keys and values of each layer, for the next run

	// of a training whose loss reads some positions' logits: these, and whether nothing else is
	// read after the last layer's heads, so that what follows is computed for them alone
	readAt   []int
	cutEarly bool

	// What was built last; nil unless the plan asks for it.
	residual *Node // [batch, pos, d_model]
	logits   *Node // [batch, pos, d_vocab_out]
	loss     *Node // scalar, or [batch, pos-1] per token
}

// tapped is a site's activation in the graph, after its edits.
type tapped struct {
	node *Node
	axes []string
}

// input is the graph parameter called name; it is created when first asked for, so that a graph
// takes only the weights and values that it uses.
func (b *builder) input(name string, dtype dtypes.DType, dims ...int) *Node {
	if n, ok := b.byName[name]; ok {
		return n
	}
	given := name
	if b.plan.anyLayer {
		given = anyName(b.plan.start, name)
	}
	parameter := b.given
	if parameter == nil {
		parameter = func(name string, shape shapes.Shape) *Node { return Parameter(b.g, name, shape) }
	}
	if spread := spreadOf(b.g); spread != nil {
		spread.Input(given, kindsOf(b.axesOfInput(name)))
	}
	n := parameter(given, shapes.Make(dtype, dims...))
	b.byName[name] = n
	b.inputs = append(b.inputs, given)
	return n
}

// w is the weight with this canonical name, in the layout of [deviceShape].
func (b *builder) w(name string) *Node {
	return wide(b.rawWeight(name))
}

// rawWeight is w in the precision in which it is stored.
func (b *builder) rawWeight(name string) *Node {
	dims, ok := b.shapes[name]
	if !ok {
		exceptions.Panicf("the model has no weight %q", name)
	}
	return b.input(name, b.cfg.DType.onDevice(), dims...)
}

// lw is w for a weight of layer l: lw(3, "attn.W_Q").
func (b *builder) lw(l int, name string) *Node { return b.w(b.layerName(l, name)) }

// blockPrefix begins the canonical names of layer l.
func blockPrefix(l int) string { return fmt.Sprintf("blocks.%d.", l) }

// has reports whether the model has this weight: biases are optional.
func (b *builder) has(name string) bool { return b.shapes[name] != nil }

// wants reports whether the run records or edits the site, so that an optional one must be built.
func (b *builder) wants(s Site) bool {
	s, ok := b.here(s)
	return ok && b.plan.touches(s)
}

// changes reports whether more is asked of the site than its activation.
func (b *builder) changes(s Site) bool {
	s, ok := b.here(s)
	return ok && b.plan.changes(s)
}

// tap passes x through site s: edits change it, in the order in which they were given, and what
// comes out is what the rest of the model reads and what is recorded. Axes overrides the site's own
// names where a run gives it another form.
func (b *builder) tap(s Site, x *Node, axes ...string) *Node {
	s, ok := b.here(s)
	if !ok {
		return x
	}
	if len(axes) == 0 {
		axes = s.Axes()
	}
	x = b.throughEdits(s, b.roundedAt(s, x), axes)
	// a norm whose input is split by head runs several times; the last one is kept
	b.taps[s] = &tapped{node: x, axes: axes}
	return x
}

// throughEdits passes x through the edits of site s.
func (b *builder) throughEdits(s Site, x *Node, axes []string) *Node {
	now := editing{site: s, axes: axes, made: make(map[Site]bool)}
	for _, e := range b.plan.edits {
		if e.meets(s) && !b.busy(e) {
			now.edit = e
			x = b.roundedAt(s, b.edited(now, x))
		}
	}
	return x
}

func (b *builder) edited(now editing, x *Node) *Node {
	var y *Node
	now.edit.named(now.site, func() { y = now.edit.apply(b, x, now) })
	return y
}

// constant is a small table of numbers in the graph.
func (b *builder) constant(value any) *Node { return Const(b.g, value) }

// arange is from, from+1, ..., of n int32 values: [n].
func (b *builder) arange(from, n int) *Node {
	r := Iota(b.g, shapes.Make(dtypes.Int32, n), 0)
	if from == 0 {
		return r
	}
	return AddScalar(r, int32(from))
}

// dense is x times w over x's last axis and the first of w, plus bias if the model has one: [...,
// in] times [in, out...] is [..., out...]. One plain matrix product, whatever the ranks.
func dense(x, w, bias *Node) *Node {
	in := x.Shape().Dim(-1)
	rows, cols := x.Shape().Size()/in, w.Shape().Size()/in
	y := Dot(Reshape(x, rows, in), Reshape(w, in, cols)).MatMul()
	y = Reshape(y, append(leading(x), w.Shape().Dimensions[1:]...)...)
	return addBias(y, bias)
}

// addBias adds bias to the last axes of x, or nothing if bias is nil.
func addBias(x, bias *Node) *Node {
	if bias == nil {
		return x
	}
	return Add(x, ExpandLeftToRank(bias, x.Rank()))
}

// leading are all dimensions of x but the last, in a slice of its own.
func leading(x *Node) []int {
	dims := x.Shape().Dimensions
	return append([]int(nil), dims[:len(dims)-1]...)
}

// bias is the weight with this name, or nil if the model has none.
func (b *builder) bias(name string) *Node {
	if !b.has(name) {
		return b.missingBias(name)
	}
	return b.w(name)
}
