package hooked

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// stack joins tensors along a new first axis in one program.
func (e *engine) stack(axis string, parts []*Tensor) *Tensor {
	for _, p := range parts {
		if !slices.Equal(p.Shape(), parts[0].Shape()) {
			fail("StackTensors of shapes %v and %v", parts[0].Shape(), p.Shape())
		}
	}
	kind := commonType(parts)
	v := e.eager("stack", func(in []*Node) *Node {
		rows := make([]*Node, len(in))
		for i, x := range in {
			rows[i] = InsertAxes(asType(x, kind), 0)
		}
		return Concatenate(rows, 0)
	}, tensorValues(parts)...)
	return &Tensor{v, append([]string{axis}, parts[0].axes...), e}
}

func tensorValues(list []*Tensor) []*tensors.Tensor {
	values := make([]*tensors.Tensor, len(list))
	for i, t := range list {
		values[i] = t.value
	}
	return values
}

// ConcatTensors joins tensors along an axis that they have, one after the other. Their other axes
// must be the same, in any order.
func ConcatTensors(axis string, parts ...*Tensor) *Tensor {
	if len(parts) == 0 {
		fail("ConcatTensors of no tensors")
	}
	first := parts[0]
	along := first.axis(axis)
	match := make([][]int, len(parts))
	for i, p := range parts {
		if len(p.need().axes) != len(first.axes) {
			fail("ConcatTensors of %s and %s: want the same axes", first.Describe(), p.Describe())
		}
		match[i] = first.matchAxes(p)
		for k, j := range match[i] {
			if j != along && p.value.Shape().Dim(k) != first.value.Shape().Dim(j) {
				fail("ConcatTensors along %q of %s and %s: axis %q differs", axis, first.Describe(), p.Describe(), first.axes[j])
			}
		}
	}
	kind := commonType(parts)
	eng := sharedBy(parts)
	v := eng.eager(fmt.Sprint("concat ", along, match), func(in []*Node) *Node {
		for i, x := range in {
			if !slices.IsSorted(match[i]) {
				x = TransposeAllAxes(x, inverseOf(match[i])...)
			}
			in[i] = asType(x, kind)
		}
		return Concatenate(in, along)
	}, tensorValues(parts)...)
	return &Tensor{v, slices.Clone(first.axes), eng}
}

// inverseOf is the permutation that undoes another.
func inverseOf(order []int) []int {
	out := make([]int, len(order))
	for i, at := range order {
		out[at] = i
	}
	return out
}
