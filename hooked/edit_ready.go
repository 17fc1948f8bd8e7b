package hooked

import (
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked/internal/axis"
)

// This file holds the common interventions. Their numbers, tensors and indices are inputs of the
// compiled program: another head, position or value compiles nothing. All of them change the picked
// entries, everything if none are picked, and leave the rest as it is.

// Zero sets the picked entries to zero.
func Zero(at ...Entries) Intervention {
	return changeAt("Zero", at, func(x *Node, _ Site, _ []*Node) *Node { return ZerosLike(x) })
}

// ZeroHead sets a head's entries to zero: at hook_z, TransformerLens' way of ablating a head.
func ZeroHead(heads ...int) Intervention {
	zero := Zero(Head(heads...))
	zero.name = "ZeroHead"
	return zero
}

// MeanOver replaces the picked entries by their mean along the named axes, separated by blanks:
// MeanOver("batch", Head(0)) is mean ablation over the prompts of the run. For a mean over other
// data take [Replace].
func MeanOver(axes string, at ...Entries) Intervention {
	return changeAt("MeanOver", at, func(x *Node, s Site, _ []*Node) *Node {
		var over []int
		for _, name := range strings.Fields(axes) {
			at := axis.Find(axesAt(s, x), name)
			if at < 0 {
				exceptions.Panicf("%s has axes %v, no %q", s, axesAt(s, x), name)
			}
			over = append(over, at)
		}
		if len(over) == 0 {
			exceptions.Panicf("it needs the axes to average over, such as \"batch\"")
		}
		average := x
		for _, axis := range over {
			average = ReduceAndKeep(average, reduceMean, axis)
		}
		return BroadcastToDims(average, x.Shape().Dimensions...)
	})
}

// Replace puts a value in place of the picked entries: a number, a []float32 along the last axis,
// or a *[Tensor]. Of a tensor as large as the activation the picked entries are taken, as in
// activation patching:
//
//	hooked.Edit(hooked.ResidPre.At(6), hooked.Replace(clean.Get("resid_pre", 6), hooked.Pos(3)))
//
// A tensor may lack axes, along which it is repeated, and have as many entries along an axis as are
// picked of it. Axes are matched by name, or if the names are others, from the last.
func Replace[V Values](value V, at ...Entries) Intervention {
	return changeAt("Replace", at, func(x *Node, _ Site, values []*Node) *Node { return values[0] }, value)
}

// AddTo adds a value (see [Replace]) to the picked entries; adding a direction to the residual
// stream steers the model.
func AddTo[V Values](value V, at ...Entries) Intervention {
	return changeAt("AddTo", at, func(x *Node, _ Site, values []*Node) *Node { return Add(x, values[0]) }, value)
}

// ScaleBy multiplies the picked entries by a value (see [Replace]).
func ScaleBy[V Values](factor V, at ...Entries) Intervention {
	return changeAt("ScaleBy", at, func(x *Node, _ Site, values []*Node) *Node { return Mul(x, values[0]) }, factor)
}

// changeAt is the intervention called name that puts f's result in place of the picked entries. f
// gets the operands spread to x's shape.
func changeAt(name string, at []Entries, f func(x *Node, s Site, operands []*Node) *Node, given ...any) Intervention {
	values := slices.Clone(given)
	for _, e := range at {
		values = append(values, e.bounds())
	}
	n := len(given)
	apply := func(x *Node, s Site, nodes []*Node) *Node {
		checkPicks(at)
		bounds := nodes[n:]
		spread := make([]*Node, n)
		for i, operand := range given {
			spread[i] = operandFor(x, s, operand, nodes[i], at, bounds)
		}
		changed := f(x, s, spread)
		if len(at) == 0 {
			return changed
		}
		return Where(maskOfEntries(s, x, at, bounds), changed, x)
	}
	return Intervention{operands: operands{values: values}, name: name, apply: apply, local: true, entries: at}
}

// checkPicks refuses Head() and the like: no entries would look the same as all of them.
func checkPicks(at []Entries) {
	for _, e := range at {
		if len(e.spans) == 0 {
			exceptions.Panicf("it picks no entry of axis %q: name some, or leave it out to mean all", e.axis)
		}
	}
}

// operandFor spreads the value of an intervention to the shape of activation x.
func operandFor(x *Node, s Site, value any, v *Node, at []Entries, bounds []*Node) *Node {
	v = ConvertDType(v, x.DType())
	if v.Rank() == 0 {
		return BroadcastToDims(v, x.Shape().Dimensions...)
	}
	match := matchOperand(x, s, value, v)
	for i, e := range at {
		axis := e.in(s, x)
		own := slices.Index(match, axis)
		n := x.Shape().Dim(axis)
		if own >= 0 && v.Shape().Dim(own) == e.count(x, n) && v.Shape().Dim(own) != n {
			_, which := picked(axesAt(s, x)[axis], x, n, bounds[i])
			v = gatherAxis(v, InsertAxes(which, -1), own)
		}
	}
	for i, axis := range match {
		if n, m := v.Shape().Dim(i), x.Shape().Dim(axis); n != m && n != 1 {
			exceptions.Panicf("it has a value of shape %v for an activation of shape %v %v: axis %d does not fit",
				v.Shape().Dimensions, x.Shape().Dimensions, axesAt(s, x), i)
		}
	}
	return spreadAxes(v, match, x.Shape().Dimensions)
}

// matchOperand says which axis of x each axis of a value goes with: by name, or if the value has no
// names or others, from the last.
func matchOperand(x *Node, s Site, value any, v *Node) []int {
	axes := axesAt(s, x)
	match := make([]int, v.Rank())
	if t, ok := value.(*Tensor); ok && matchNames(axes, t.axes, match) {
		return match
	}
	if v.Rank() > x.Rank() {
		exceptions.Panicf("it has a value of shape %v, the activation has only %v %v", v.Shape().Dimensions, x.Shape().Dimensions, axes)
	}
	for i := range match {
		match[i] = x.Rank() - v.Rank() + i
	}
	return match
}
