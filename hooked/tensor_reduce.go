package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Sum adds up the entries along the named axes, all of them if none is named. Sums of whole
// numbers, and counts of truth values, are 64-bit whole numbers, as in PyTorch.
func (t *Tensor) Sum(axes ...string) *Tensor {
	if !t.need().value.DType().IsFloat() {
		return t.as(dtypes.Int64).reduce("sum", reduceSum, axes)
	}
	return t.reduce("sum", reduceSum, axes)
}

// Mean averages along the named axes, all of them if none is named: of truth values the share of
// those that hold.
func (t *Tensor) Mean(axes ...string) *Tensor { return t.floats().reduce("mean", reduceMean, axes) }

// Max is the largest entry along the named axes, all of them if none is named; NaN if there is one,
// as in PyTorch.
func (t *Tensor) Max(axes ...string) *Tensor {
	return t.counts().reduce("max", poisoned(ReduceMax), axes)
}

// Min is the smallest entry along the named axes, all of them if none is named; NaN if there is
// one.
func (t *Tensor) Min(axes ...string) *Tensor {
	return t.counts().reduce("min", poisoned(ReduceMin), axes)
}

// Norm is the Euclidean length along the named axes, all of them if none is named.
func (t *Tensor) Norm(axes ...string) *Tensor {
	return t.floats().reduce("norm", func(x *Node, over ...int) *Node { return Sqrt(reduceSum(Mul(x, x), over...)) }, axes)
}

// Var is the variance along the named axes, all of them if none is named. Like PyTorch's it is
// unbiased: the sum of squares is divided by the number of entries less one, so that the variance
// of a single entry is NaN. [Tensor.VarCorrected] divides by another number.
func (t *Tensor) Var(axes ...string) *Tensor { return t.VarCorrected(1, axes...) }

// Std is the standard deviation along the named axes, all of them if none is named: the root of the
// unbiased [Tensor.Var].
func (t *Tensor) Std(axes ...string) *Tensor { return t.StdCorrected(1, axes...) }

// VarCorrected is the variance with the sum of squares divided by the number of entries less
// correction: 0 is NumPy's default and what a layer norm divides by, 1 that of [Tensor.Var].
func (t *Tensor) VarCorrected(correction int, axes ...string) *Tensor {
	return t.floats().reduce(fmt.Sprint("var ", correction, " "), func(x *Node, over ...int) *Node {
		return varianceOver(x, correction, over)
	}, axes)
}

// StdCorrected is the root of [Tensor.VarCorrected].
func (t *Tensor) StdCorrected(correction int, axes ...string) *Tensor {
	return t.VarCorrected(correction, axes...).Sqrt()
}

func varianceOver(x *Node, correction int, over []int) *Node {
	mean := ReduceAndKeep(x, reduceMean, over...)
	away := Sub(x, mean)
	total := reduceSum(Mul(away, away), over...)
	n := x.Shape().Size()/total.Shape().Size() - correction
	return Div(total, Scalar(x.Graph(), x.DType(), float64(max(n, 0))))
}

// Any reports for each entry of the other axes whether some truth value along the named axes holds.
// Numbers hold unless they are zero.
func (t *Tensor) Any(axes ...string) *Tensor {
	return t.Ne(0).as(dtypes.Int32).reduce("max", poisoned(ReduceMax), axes).Ne(0)
}

// All reports for each entry of the other axes whether every truth value along the named axes
// holds. Numbers hold unless they are zero.
func (t *Tensor) All(axes ...string) *Tensor {
	return t.Ne(0).as(dtypes.Int32).reduce("min", poisoned(ReduceMin), axes).Ne(0)
}

// ArgMax is where the largest entry along an axis stands, the first of equal ones, or the first NaN
// if there is one, as in PyTorch.
func (t *Tensor) ArgMax(axis string) *Tensor { return t.argument("argmax", axis, ArgMax) }

// ArgMin is where the smallest entry along an axis stands, or the first NaN.
func (t *Tensor) ArgMin(axis string) *Tensor { return t.argument("argmin", axis, ArgMin) }

// argument finds the first NaN where there is one, on every backend: each has its own order of NaN.
func (t *Tensor) argument(key, axis string, find func(x *Node, axis int, kind ...dtypes.DType) *Node) *Tensor {
	i := t.axis(axis)
	v := t.eng.eager(fmt.Sprint(key, " ", i), func(in []*Node) *Node {
		x := in[0]
		if x.DType() == dtypes.Bool {
			x = ConvertDType(x, dtypes.Int32)
		}
		at := find(x, i, dtypes.Int32)
		if !x.DType().IsFloat() {
			return at
		}
		absent := ConvertDType(NotEqual(x, x), dtypes.Int32)
		return Where(GreaterThan(ReduceMax(absent, i), ScalarZero(x.Graph(), dtypes.Int32)), ArgMax(absent, i, dtypes.Int32), at)
	}, t.value)
	return &Tensor{v, without(t.axes, i), t.eng}
}

// poisoned is a reduction that is NaN where an entry is: the backends differ in what a comparison
// with NaN gives.
func poisoned(reduce func(x *Node, over ...int) *Node) func(x *Node, over ...int) *Node {
	return func(x *Node, over ...int) *Node {
		out := reduce(x, over...)
		if !x.DType().IsFloat() {
			return out
		}
		absent := ReduceMax(ConvertDType(NotEqual(x, x), dtypes.Int32), over...)
		nan := BroadcastToDims(notANumber(x), out.Shape().Dimensions...)
		return Where(GreaterThan(absent, ScalarZero(x.Graph(), dtypes.Int32)), nan, out)
	}
}

// reduce computes f along the named axes, all of them if none is named, and drops these. Numbers of
// 16 bits are added up in float32.
func (t *Tensor) reduce(key string, f func(*Node, ...int) *Node, axes []string) *Tensor {
	over := t.places(axes)
	if len(over) == 0 {
		return t
	}
	var kept []string
	for i, name := range t.axes {
		if !slices.Contains(over, i) {
			kept = append(kept, name)
		}
	}
	v := t.eng.eager(fmt.Sprint(key, over), func(in []*Node) *Node {
		return inFloat(func(x *Node) *Node { return f(x, over...) })(in[0])
	}, t.value)
	return &Tensor{v, kept, t.eng}
}

// places are the indices of the named axes, of all if none is named.
func (t *Tensor) places(axes []string) []int {
	var places []int
	for i, name := range t.need().axes {
		if len(axes) == 0 || slices.Contains(axes, name) {
			places = append(places, i)
		}
	}
	for _, name := range axes {
		t.axis(name)
	}
	return places
}
