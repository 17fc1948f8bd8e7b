package hooked

import (
	"math/bits"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
)

// The pure Go backend adds float32 values one after the other, so that over the 262,144 entries of
// a vocabulary rounding takes 4.7e-4 off a logarithm of probabilities (XLA: 1e-6). Long axes are
// therefore added in two levels: the error grows with the root of their length.

// longAxis is the most entries that are added one after the other: they cost 1e-6 of the sum.
const longAxis = 1024

// reduceSum adds up x along some axes, all of them if none is named, and drops these.
func reduceSum(x *Node, axes ...int) *Node {
	if len(axes) == 0 {
		for axis := range x.Rank() {
			axes = append(axes, axis)
		}
	}
	axes = slices.Clone(axes)
	for i, axis := range axes {
		axes[i] = MustAdjustAxis(axis, x)
	}
	slices.Sort(axes)
	for _, axis := range slices.Backward(axes) {
		x = sumAlong(x, axis)
	}
	return x
}

func sumAlong(x *Node, axis int) *Node {
	n := x.Shape().Dim(axis)
	if n <= longAxis {
		return ReduceSum(x, axis)
	}
	inner := 1 << (bits.Len(uint(n)) / 2) // about the root of n
	outer := (n + inner - 1) / inner
	if extra := outer*inner - n; extra > 0 {
		x = GrowRight(x, axis, extra, 0)
	}
	dims := x.Shape().Dimensions
	x = Reshape(x, slices.Concat(dims[:axis], []int{outer, inner}, dims[axis+1:])...)
	return ReduceSum(ReduceSum(x, axis+1), axis)
}

// reduceMean averages x along some axes, all of them if none is named, and drops these.
func reduceMean(x *Node, axes ...int) *Node {
	total := reduceSum(x, axes...)
	return DivScalar(total, float64(x.Shape().Size()/total.Shape().Size()))
}

// softmaxAlong makes the entries along an axis positive with sum one.
func softmaxAlong(x *Node, axis int) *Node {
	axis = MustAdjustAxis(axis, x)
	if x.Shape().Dim(axis) <= longAxis {
		return Softmax(x, axis)
	}
	weights := Exp(Sub(x, StopGradient(ReduceAndKeep(x, ReduceMax, axis))))
	return Div(weights, ReduceAndKeep(weights, reduceSum, axis))
}

// logSoftmaxAlong is the logarithm of softmaxAlong.
func logSoftmaxAlong(x *Node, axis int) *Node {
	axis = MustAdjustAxis(axis, x)
	x = Sub(x, StopGradient(ReduceAndKeep(x, ReduceMax, axis)))
	return Sub(x, Log(ReduceAndKeep(Exp(x), reduceSum, axis)))
}
