package dictionary

import (
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked/dictionary/internal/largest"
)

// A Pass builds a dictionary into a graph, whoever the weights belong to: inputs of a program that
// uses it, or variables of one that trains it. Like other graph functions its methods panic.
type Pass struct {
	Config  Config
	Weights map[string]*graph.Node // those of [Config.WeightShapes]
	// Tap, if not nil, is shown the values that SAELens has hooks for, by the hook's name, and
	// gives what to go on with.
	Tap func(name string, x *graph.Node) *graph.Node
}

// Encoded is what an encoder has made of an activation. Acts may be changed before it is decoded.
type Encoded struct {
	Input   *graph.Node // [..., d_in], heads flattened: hook_sae_input
	Centred *graph.Node // [..., d_in] after normalization, less b_dec where that is subtracted
	Pre     *graph.Node // [..., feature]: hook_sae_acts_pre
	Acts    *graph.Node // [..., feature]: hook_sae_acts_post

	undo  func(x *graph.Node) *graph.Node // what undoes the normalization
	heads []int                           // the last two axes of an input by heads
}

// The names that SAELens gives to what goes on inside a dictionary.
const (
	hookInput  = "hook_sae_input"
	hookPre    = "hook_sae_acts_pre"
	hookActs   = "hook_sae_acts_post"
	hookRecons = "hook_sae_recons"
	hookError  = "hook_sae_error"
	hookOutput = "hook_sae_output"
)

func (p Pass) tap(name string, x *graph.Node) *graph.Node {
	if p.Tap == nil {
		return x
	}
	return p.Tap(name, x)
}

func (p Pass) kind() kind { return kinds[p.Config.Kind] }

// weight is a weight as it enters the computation.
func (p Pass) weight(name string) *graph.Node {
	w := p.Weights[name]
	if w == nil {
		exceptions.Panicf("dictionary: weight %q is missing", name)
	}
	return w
}

// Encode makes features of x, which is [..., d_in], or [..., head, d_head] if heads are flattened.
func (p Pass) Encode(x *graph.Node) *Encoded {
	if x == nil {
		exceptions.Panicf("dictionary: there is no activation to encode")
	}
	e := &Encoded{}
	if dims := x.Shape().Dimensions; p.Config.FlattenHeads && len(dims) > 1 && dims[len(dims)-1] != p.Config.DIn {
		e.heads = slices.Clone(dims[len(dims)-2:])
		x = graph.Reshape(x, append(slices.Clone(dims[:len(dims)-2]), e.heads[0]*e.heads[1])...)
	}
	if x.Rank() < 1 || x.Shape().Dim(-1) != p.Config.DIn {
		exceptions.Panicf("dictionary: it reads vectors of %d entries, the activation has shape %v", p.Config.DIn, x.Shape().Dimensions)
	}
	e.Input = p.tap(hookInput, float32s(x))
	normalized, undo := normalizers[p.Config.Normalization](e.Input)
	if e.undo = undo; p.kind().transcodes {
		e.undo = nil
	}
	e.Centred = normalized
	if p.Config.SubtractBias {
		e.Centred = graph.Sub(normalized, spread(p.weight("b_dec"), normalized))
	}
	e.Pre = p.tap(hookPre, p.kind().pre(p, e.Centred))
	e.Acts = p.tap(hookActs, p.kind().choose(p, e.Centred, e.Pre))
	return e
}

// Decode is what the decoder makes of e.Acts, in the form of what was encoded. A skip is no part of
// it, see [Pass.Output].
func (p Pass) Decode(e *Encoded) *graph.Node {
	if e == nil || e.Acts == nil {
		exceptions.Panicf("dictionary: there is nothing to decode")
	}
	x := p.tap(hookRecons, p.decode(e.Acts))
	if e.undo != nil {
		x = e.undo(x)
	}
	if e.heads != nil && !p.kind().transcodes {
		x = graph.Reshape(x, append(leading(x), e.heads...)...)
	}
	return x
}

// decode is the linear part of the decoder.
func (p Pass) decode(acts *graph.Node) *graph.Node {
	if p.Config.RescaleByNorm {
		acts = graph.Div(acts, spread(p.norms(), acts))
	}
	x := times(acts, p.weight("W_dec"))
	return graph.Add(x, spread(p.weight("b_dec"), x))
}

// Output is what the dictionary gives: [Pass.Decode], and the skip of those kinds that have one.
func (p Pass) Output(e *Encoded) *graph.Node {
	x := p.Decode(e)
	if p.kind().skips {
		x = graph.Add(x, times(e.Input, graph.Transpose(p.weight("W_skip"), 0, 1)))
	}
	return x
}

// norms are those of the decoder's directions, [feature].
func (p Pass) norms() *graph.Node {
	w := p.weight("W_dec")
	return graph.Sqrt(graph.ReduceSum(graph.Mul(w, w), -1))
}

// normalizers make of x [..., d_in] what is encoded, and a function that undoes it; nil for none.
var normalizers = map[Normalization]func(x *graph.Node) (normalized *graph.Node, undo func(*graph.Node) *graph.Node){
	"":              asItIs,
	NoNormalization: asItIs,
	AverageOnlyIn:   asItIs,
	Rescaled: func(x *graph.Node) (*graph.Node, func(*graph.Node) *graph.Node) {
		scale := graph.Div(graph.Scalar(x.Graph(), x.DType(), math.Sqrt(float64(x.Shape().Dim(-1)))), norm(x))
		return graph.Mul(x, scale), func(y *graph.Node) *graph.Node { return graph.Div(y, scale) }
	},
	LayerNormed: func(x *graph.Node) (*graph.Node, func(*graph.Node) *graph.Node) {
		d := float64(x.Shape().Dim(-1))
		mean := graph.DivScalar(graph.ReduceAndKeep(x, graph.ReduceSum, -1), d)
		x = graph.Sub(x, mean)
		// PyTorch's std divides by one less; the small number is not undone, as SAELens has it
		deviation := graph.DivScalar(norm(x), math.Sqrt(d-1))
		return graph.Div(x, graph.AddScalar(deviation, 1e-5)), func(y *graph.Node) *graph.Node { return graph.Add(graph.Mul(y, deviation), mean) }
	},
}

func asItIs(x *graph.Node) (*graph.Node, func(*graph.Node) *graph.Node) { return x, nil }

// norm is the length of x's vectors, [..., 1].
func norm(x *graph.Node) *graph.Node {
	return graph.Sqrt(graph.ReduceAndKeep(graph.Mul(x, x), graph.ReduceSum, -1))
}

// affine is z W_enc + b_enc.
func affine(p Pass, z *graph.Node) *graph.Node {
	x := times(z, p.weight("W_enc"))
	return graph.Add(x, spread(p.weight("b_enc"), x))
}

// magnitudes are how active the features of a gated dictionary are where the gate is open.
func magnitudes(p Pass, z *graph.Node) *graph.Node {
	w := p.weight("W_enc")
	x := times(z, graph.Mul(w, spread(graph.Exp(p.weight("r_mag")), w)))
	return graph.Add(x, spread(p.weight("b_mag"), x))
}

func throughGate(p Pass, z, pre *graph.Node) *graph.Node {
	gate := times(z, p.weight("W_enc"))
	gate = graph.Add(gate, spread(p.weight("b_gate"), gate))
	return where(graph.GreaterThan(gate, graph.ScalarZero(gate.Graph(), gate.DType())), relu(pre))
}

func aboveThreshold(p Pass, _, pre *graph.Node) *graph.Node {
	return where(graph.GreaterThan(pre, spread(p.weight("threshold"), pre)), relu(pre))
}

// largestOfRows keeps the k largest features of each position.
func largestOfRows(p Pass, _, pre *graph.Node) *graph.Node {
	acts := relu(p.rescaled(pre))
	return where(largest.Of(acts, int(p.Config.K)), acts)
}

// largestOfBatch keeps the k n largest features of all n positions together.
func largestOfBatch(p Pass, _, pre *graph.Node) *graph.Node {
	acts := relu(p.rescaled(pre))
	rows := acts.Shape().Size() / p.Config.Features
	all := graph.Reshape(acts, 1, acts.Shape().Size())
	chosen := largest.Of(all, int(p.Config.K*float64(rows)))
	return where(graph.Reshape(chosen, acts.Shape().Dimensions...), acts)
}

// rescaled are pre-activations in the unit that features are chosen by.
func (p Pass) rescaled(pre *graph.Node) *graph.Node {
	if !p.Config.RescaleByNorm {
		return pre
	}
	return graph.Mul(pre, spread(p.norms(), pre))
}

// relu has the gradient 0 at 0, as PyTorch's.
func relu(x *graph.Node) *graph.Node {
	return where(graph.GreaterThan(x, graph.ScalarZero(x.Graph(), x.DType())), x)
}

// where is x where the mask is true, and zero elsewhere.
func where(mask, x *graph.Node) *graph.Node { return graph.Where(mask, x, graph.ZerosLike(x)) }

// times is x [..., in] w [in, out], in one matrix product whatever the rank.
func times(x, w *graph.Node) *graph.Node {
	in := x.Shape().Dim(-1)
	y := graph.Dot(graph.Reshape(x, x.Shape().Size()/in, in), w).MatMul()
	return graph.Reshape(y, append(leading(x), w.Shape().Dim(-1))...)
}

// spread is a vector with leading axes of size one, so that it fits the last axis of x.
func spread(v, x *graph.Node) *graph.Node { return graph.ExpandLeftToRank(v, x.Rank()) }

// leading are all dimensions of x but the last, in a slice of its own.
func leading(x *graph.Node) []int {
	dims := x.Shape().Dimensions
	return slices.Clone(dims[:len(dims)-1])
}

func float32s(x *graph.Node) *graph.Node {
	if x.DType() == dtypes.Float32 {
		return x
	}
	return graph.ConvertDType(x, dtypes.Float32)
}
