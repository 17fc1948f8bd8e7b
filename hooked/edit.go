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
	apply   func(x *Node, s Site, values []*Node) *Node
	local   bool      // apply keeps no node for another site
	entries []Entries // that it changes, as far as it is known; none for all
}

// With is an intervention by a graph function that also gets values: numbers, slices of numbers, or
// [Tensor]s, as graph nodes. It must return a node of x's shape.
func With(apply func(x *Node, s Site, values []*Node) *Node, values ...any) Intervention {
	return Intervention{operands: operands{values: values}, apply: apply}
}

// Local is the same intervention, whose function promises to keep no node for another site: edits in
// several layers leave each layer a program of its own, which is quicker to compile than one that
// holds all of them. What ready interventions do is local; With cannot know of what it is given.
func (i Intervention) Local() Intervention {
	i.local = true
	return i
}

// edit is an intervention at some sites of one run.
type edit struct {
	at       map[Site]bool
	taps     []*tapSelector // which it changes too
	backward bool           // it changes the gradient that flows back through the site
	Intervention
}

// sites are those of the model's own that the edit changes.
func (e *edit) sites() []Site { return slices.Collect(maps.Keys(e.at)) }

// meets reports whether the edit changes a site that the run has come to.
func (e *edit) meets(s Site) bool {
	if !s.isTap() {
		return e.at[s]
	}
	met := false
	for _, sel := range e.taps {
		met = sel.matches(s) || met
	}
	return met
}

// apply calls the edit's function on the activation x of a site.
func (e *edit) apply(b *builder, x *Node, now editing) (y *Node) {
	values := e.nodes(b)
	if e.backward {
		now.backward = true
		return IdentityWithCustomGradient(x, func(_, v *Node) (gradient *Node) {
			named(fmt.Sprintf("the edit of the gradient at %s", now.site), func() {
				b.during(now, func() { gradient = e.Intervention.apply(v, now.site, values) })
			})
			return gradient
		})
	}
	b.during(now, func() { y = e.Intervention.apply(x, now.site, values) })
	return y
}
