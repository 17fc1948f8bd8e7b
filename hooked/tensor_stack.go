package hooked

import (
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
	v := e.eager("stack", func(in []*Node) *Node {
		rows := make([]*Node, len(in))
		for i, x := range in {
			rows[i] = InsertAxes(x, 0)
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
