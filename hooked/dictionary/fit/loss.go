package fit

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked/dictionary"
)

// A lesson is a batch in a graph, and what its loss reads besides.
type lesson struct {
	x, target *graph.Node // [batch, d_in], [batch, d_out]
	sparsity  *graph.Node // scalar: the coefficient of the penalty, if there is one
	dead      *graph.Node // [feature] bool; nil where no feature is dead
}

// learnt is what a batch comes to.
type learnt struct {
	terms []term      // the loss is their sum
	acts  *graph.Node // [batch, feature]
}

// A term is a part of the loss, by SAELens' name for it.
type term struct {
	name  string
	value *graph.Node // scalar
}

// The names of the terms, SAELens'.
const (
	mseTerm    = "mse_loss"
	l1Term     = "l1_loss"
	l0Term     = "l0_loss"
	preActTerm = "pre_act_loss"
	auxTerm    = "auxiliary_reconstruction_loss"
	innerTerm  = "inner_mse_loss_"
)

// A lossOf is the loss of a kind of dictionaries.
type lossOf func(o Objective, p dictionary.Pass, b lesson) learnt

// penalized is the mean squared error and a norm of the activations, each times the norm of what it
// decodes to.
func penalized(o Objective, p dictionary.Pass, b lesson) learnt {
	e := p.Encode(b.x)
	weighted := graph.Mul(e.Acts, alike(norms(p), e.Acts))
	penalty := graph.Mul(b.sparsity, graph.ReduceAllMean(rowNorms(weighted, o.Norm)))
	return learnt{[]term{{mseTerm, mse(p.Output(e), b.target)}, {l1Term, penalty}}, e.Acts}
}

// throughGates is the loss of a gated dictionary: the gate itself is to be sparse, and to give the
// input back by itself, so that it learns although it is a step.
func throughGates(o Objective, p dictionary.Pass, b lesson) learnt {
	e := p.Encode(b.x)
	gate := times(e.Centred, p.Weights["W_enc"])
	gate = relu(graph.Add(gate, alike(p.Weights["b_gate"], gate)))
	penalty := graph.Mul(b.sparsity, graph.ReduceAllMean(graph.ReduceSum(graph.Mul(gate, alike(norms(p), gate)), -1)))
	alone := *e
	alone.Acts = gate
	return learnt{[]term{{mseTerm, mse(p.Output(e), b.target)}, {l1Term, penalty}, {auxTerm, mse(p.Output(&alone), b.target)}}, e.Acts}
}

// jumping is the loss of a JumpReLU dictionary, whose threshold learns by straight-through
// gradients.
func jumping(o Objective, p dictionary.Pass, b lesson) learnt {
	e := p.Encode(b.x)
	ste := newStraight(o, e.Pre, p.Weights["threshold"])
	e.Acts = ste.jump()
	all := learnt{[]term{{mseTerm, mse(p.Output(e), b.target)}}, e.Acts}
	perRow := sparsities[o.Mode](o, p, e.Acts, ste)
	all.terms = append(all.terms, term{l0Term, graph.Mul(b.sparsity, graph.ReduceAllMean(perRow))})
	if o.PreAct > 0 && b.dead != nil {
		below := relu(graph.Sub(ste.threshold, e.Pre))
		below = graph.Mul(where(alike(b.dead, below), below), alike(norms(p), below))
		all.terms = append(all.terms, term{preActTerm, graph.MulScalar(graph.ReduceAllMean(graph.ReduceSum(below, -1)), o.PreAct)})
	}
	return all
}

// sparsities are what a JumpReLU dictionary pays for its activations at each position, [batch].
var sparsities = map[Mode]func(o Objective, p dictionary.Pass, acts *graph.Node, s *straight) *graph.Node{
	Step: func(_ Objective, _ dictionary.Pass, _ *graph.Node, s *straight) *graph.Node {
		return graph.ReduceSum(s.step(), -1)
	},
	Tanh: func(o Objective, p dictionary.Pass, acts *graph.Node, _ *straight) *graph.Node {
		return graph.ReduceSum(graph.Tanh(graph.MulScalar(graph.Mul(acts, alike(norms(p), acts)), o.TanhScale)), -1)
	},
	Quadratic: func(o Objective, _ dictionary.Pass, _ *graph.Node, s *straight) *graph.Node {
		off := graph.AddScalar(graph.ReduceSum(s.step(), -1), -o.TargetL0)
		return graph.MulScalar(graph.Mul(off, off), 2/o.TargetL0)
	},
}

// straight makes functions that step at a threshold, with the gradients of smooth ones: of a kernel
// that is 1 within half a bandwidth of the threshold, and 0 elsewhere.
type straight struct {
	o              Objective
	pre, threshold *graph.Node // both [batch, feature]
	over           *graph.Node // bool
	kernel         *graph.Node
}

func newStraight(o Objective, pre, threshold *graph.Node) *straight {
	s := &straight{o: o, pre: pre, threshold: graph.BroadcastToDims(alike(threshold, pre), pre.Shape().Dimensions...)}
	s.over = graph.GreaterThan(s.pre, s.threshold)
	near := graph.LessThan(graph.Abs(graph.DivScalar(graph.Sub(s.pre, s.threshold), o.Bandwidth)), graph.Scalar(pre.Graph(), pre.DType(), 0.5))
	s.kernel = graph.ConvertDType(near, pre.DType())
	return s
}

// jump are the activations: pre-activations above the threshold.
func (s *straight) jump() *graph.Node {
	return s.through(where(s.over, s.pre), graph.MulScalar(graph.Mul(s.threshold, s.kernel), 1/s.o.Bandwidth))
}

// step is 1 above the threshold.
func (s *straight) step() *graph.Node {
	return s.through(graph.ConvertDType(s.over, s.pre.DType()), graph.MulScalar(s.kernel, 1/s.o.Bandwidth))
}

// through is x, through which a slope flows to the threshold, downwards, and to the pre-activations
// if the objective says so.
func (s *straight) through(x, slope *graph.Node) *graph.Node {
	slope = graph.StopGradient(slope)
	x = graph.Sub(x, graph.Mul(slope, nothing(s.threshold)))
	if s.o.ToInput {
		x = graph.Add(x, graph.Mul(slope, nothing(s.pre)))
	}
	return x
}

// nothing is zero, with the gradient of x.
func nothing(x *graph.Node) *graph.Node { return graph.Sub(x, graph.StopGradient(x)) }

// largestOf is the loss of the TopK kinds: the mean squared error, and what the dead features make
// of the error.
func largestOf(o Objective, p dictionary.Pass, b lesson) learnt {
	e := p.Encode(b.x)
	out := p.Output(e)
	all := learnt{[]term{{mseTerm, mse(out, b.target)}}, e.Acts}
	if b.dead != nil && !o.WithoutAux {
		aux := revival(p, chosenBy(p, e.Pre), b.dead, graph.Sub(b.target, out), 0, p.Config.Features)
		all.terms = append(all.terms, term{auxTerm, graph.MulScalar(aux, o.Aux)})
	}
	return all
}

// nested is the loss of a Matryoshka: that of the TopK kinds, and the error of each of the smaller
// dictionaries.
func nested(o Objective, p dictionary.Pass, b lesson) learnt {
	e := p.Encode(b.x)
	acts := e.Acts
	if p.Config.RescaleByNorm {
		acts = graph.Div(acts, alike(norms(p), acts))
	}
	all := learnt{acts: e.Acts}
	var inner []term
	var aux *graph.Node
	pre := chosenBy(p, e.Pre)
	out, from := p.Weights["b_dec"], 0
	for _, to := range p.Config.Widths {
		part := times(features(acts, from, to, -1), features(p.Weights["W_dec"], from, to, 0))
		out = graph.Add(part, alike(out, part))
		last := to == p.Config.Features
		if last {
			all.terms = append(all.terms, term{mseTerm, mse(out, b.target)})
		} else {
			inner = append(inner, term{fmt.Sprint(innerTerm, to), mse(out, b.target)})
		}
		switch missed := graph.Sub(b.target, out); {
		case b.dead == nil || o.WithoutAux:
		case o.AuxPerLevel:
			aux = sum(aux, revival(p, pre, b.dead, missed, from, to))
		case last:
			aux = revival(p, pre, b.dead, missed, 0, to)
		}
		from = to
	}
	if aux != nil {
		all.terms = append(all.terms, term{auxTerm, graph.MulScalar(aux, o.Aux)})
	}
	all.terms = append(all.terms, inner...)
	return all
}

func sum(a, b *graph.Node) *graph.Node {
	if a == nil {
		return b
	}
	return graph.Add(a, b)
}

// chosenBy are pre-activations in the unit that features are chosen by.
func chosenBy(p dictionary.Pass, pre *graph.Node) *graph.Node {
	if !p.Config.RescaleByNorm {
		return pre
	}
	return graph.Mul(pre, alike(norms(p), pre))
}

// mse is the squared error, summed over a vector, and its mean over rows.
func mse(out, target *graph.Node) *graph.Node {
	d := graph.Sub(out, target)
	return graph.ReduceAllMean(graph.ReduceSum(graph.Mul(d, d), -1))
}

// norms are those of the decoder's directions, [feature].
func norms(p dictionary.Pass) *graph.Node {
	w := p.Weights["W_dec"]
	return graph.Sqrt(graph.ReduceSum(graph.Mul(w, w), -1))
}

// rowNorms are the p-norms of rows without an entry below zero, [batch]. The gradient at a zero is
// zero, as PyTorch has it.
func rowNorms(x *graph.Node, p float64) *graph.Node {
	if p == 1 {
		return graph.ReduceSum(x, -1)
	}
	power := func(x *graph.Node, p float64) *graph.Node {
		some := graph.GreaterThan(x, graph.ScalarZero(x.Graph(), x.DType()))
		safe := graph.Where(some, x, graph.OnesLike(x))
		return where(some, graph.Pow(safe, graph.Scalar(x.Graph(), x.DType(), p)))
	}
	return power(graph.ReduceSum(power(x, p), -1), 1/p)
}

func relu(x *graph.Node) *graph.Node {
	return where(graph.GreaterThan(x, graph.ScalarZero(x.Graph(), x.DType())), x)
}

// where is x where the mask is true, and zero elsewhere.
func where(mask, x *graph.Node) *graph.Node {
	if !mask.Shape().EqualDimensions(x.Shape()) {
		mask = graph.BroadcastToDims(mask, x.Shape().Dimensions...)
	}
	return graph.Where(mask, x, graph.ZerosLike(x))
}

func times(x, w *graph.Node) *graph.Node { return graph.Dot(x, w).MatMul() }

// alike is a vector with leading axes of size one, so that it fits x.
func alike(v, x *graph.Node) *graph.Node { return graph.ExpandLeftToRank(v, x.Rank()) }

// features are some of the features of x, which are its first or its last axis.
func features(x *graph.Node, from, to, axis int) *graph.Node {
	if axis == 0 {
		return graph.Slice(x, graph.AxisRange(from, to))
	}
	return graph.Slice(x, graph.AxisRange().Spacer(), graph.AxisRange(from, to))
}

// lowest is the smallest activation above zero, float64, and whether there is one.
func lowest(acts *graph.Node) (value, some *graph.Node) {
	g := acts.Graph()
	acts = graph.StopGradient(acts)
	active := graph.GreaterThan(acts, graph.ScalarZero(g, acts.DType()))
	least := graph.ReduceAllMin(graph.Where(active, acts, graph.MulScalar(graph.OnesLike(acts), math.MaxFloat32)))
	return graph.ConvertDType(least, dtypes.Float64), graph.LessThan(least, graph.Scalar(g, acts.DType(), math.MaxFloat32))
}
