package hooked

import (
	"fmt"
	"maps"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
)

// An Intervention is a change of an activation that takes run-time values: the values enter the
// compiled program as inputs, so that a run with others compiles nothing. [With] makes one;
// [ZeroHead], [Replace] and the like are made of it.
type Intervention struct {
	operands
	apply func(x *Node, s Site, values []*Node) *Node
	local bool // apply keeps no node for another site
}

// With is an intervention by a graph function that also gets values: numbers, slices of numbers, or
// [Tensor]s, as graph nodes. It must return a node of x's shape.
func With(apply func(x *Node, s Site, values []*Node) *Node, values ...any) Intervention {
	return Intervention{operands: operands{values: values}, apply: apply}
}

// edit is an intervention at some sites of one run.
type edit struct {
	at       map[Site]bool
	backward bool // it changes the gradient that flows back through the site
	Intervention
}

// sites are those that the edit changes.
func (e *edit) sites() []Site { return slices.Collect(maps.Keys(e.at)) }

func (e *edit) apply(b *builder, x *Node, s Site) *Node {
	values := e.nodes(b)
	if e.backward {
		return IdentityWithCustomGradient(x, func(_, v *Node) (gradient *Node) {
			named(fmt.Sprintf("the edit of the gradient at %s", s), func() { gradient = e.Intervention.apply(v, s, values) })
			return gradient
		})
	}
	return e.Intervention.apply(x, s, values)
}
