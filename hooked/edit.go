package hooked

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// An Intervention is a change of an activation that takes run-time values: the values enter the
// compiled program as inputs, so that a run with others compiles nothing. [With] makes one;
// [ZeroHead], [Replace] and the like are made of it.
type Intervention struct {
	operands
	name    string // of the function that made it
	apply   func(x *Node, s Site, values []*Node) *Node
	local   bool      // apply keeps no node for another site
	entries []Entries // that it changes, as far as it is known; none for all
}

// With is an intervention by a graph function that also gets values, as graph nodes:
//
//	hooked.With(push, hooked.Value(0.5), hooked.Value(direction))
//
// It must return a node of x's shape.
func With(apply func(x *Node, s Site, values []*Node) *Node, values ...Operand) Intervention {
	return Intervention{operands: operandsOf(values), name: "With", apply: apply}
}

// Local is the same intervention, whose function promises to keep no node for another site: edits
// in several layers leave each layer a program of its own, which is quicker to compile than one
// that holds all of them. What ready interventions do is local; With cannot know of what it is
// given.
func (i Intervention) Local() Intervention {
	i.local = true
	return i
}

// Only is the same intervention on the picked entries: what it makes of the others is left out. Its
// function sees the whole activation.
func (i Intervention) Only(at ...Entries) Intervention {
	if i.apply == nil {
		return i
	}
	n, apply := len(i.values), i.apply
	out := i
	out.values, out.entries = slices.Clone(i.values), slices.Concat(i.entries, at)
	for _, e := range at {
		out.values = append(out.values, e.bounds())
	}
	out.apply = func(x *Node, s Site, nodes []*Node) *Node {
		if len(at) == 0 {
			exceptions.Panicf("it is for Only() no entries: name some, or leave Only out to mean all")
		}
		checkPicks(at)
		return Where(maskOfEntries(s, x, at, nodes[n:]), changed(x, apply(x, s, nodes[:n])), x)
	}
	return out
}

// edit is an intervention at some sites of one run.
type edit struct {
	at       map[Site]bool
	taps     []*tapSelector // which it changes too
	backward bool           // it changes the gradient that flows back through the site
	line     string         // of the user's code, where it was given
	Intervention
}

// called says in messages which edit is meant: "the edit of blocks.0.attn.hook_z (Zero,
// /tmp/gonb_1/main.go:12)".
func (e *edit) called(s Site) (what, line string) {
	what = "the edit of " + s.String()
	if e.backward {
		what = "the edit of the gradient at " + s.String()
	}
	if e.name != "" {
		what += " by " + e.name
	}
	return what, e.line
}

// named runs f, which calls the edit's function, and says of which edit at which site it was in
// whatever it panics with.
func (e *edit) named(s Site, f func()) {
	what, line := e.called(s)
	named(what, line, f)
}

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
			e.named(now.site, func() {
				b.during(now, func() { gradient = changed(v, e.Intervention.apply(v, now.site, values)) })
			})
			return gradient
		})
	}
	b.during(now, func() { y = changed(x, e.Intervention.apply(x, now.site, values)) })
	return y
}

// changed is what an edit has made of x, which must be of its shape.
func changed(x, y *Node) *Node {
	switch {
	case y == nil:
		exceptions.Panicf("it returned nil: return the activation, changed or not")
	case y.Graph() != x.Graph():
		exceptions.Panicf("it returned a node of another graph")
	case !y.Shape().Equal(x.Shape()):
		exceptions.Panicf("it returned shape %s, the activation has %s", y.Shape(), x.Shape())
	}
	return y
}
