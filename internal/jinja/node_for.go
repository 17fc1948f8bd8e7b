package jinja

import "strings"

// forNode is a loop.
type forNode struct {
	target    target
	over      expression
	test      expression // of an item; nil for all items
	body      []node
	otherwise []node // where there is no item
	recursive bool
}

func (n *forNode) run(r *run, s *scope) signal {
	n.pass(r, s, n.over.value(r, s), 0)
	return goesOn
}

// pass loops over a value.
func (n *forNode) pass(r *run, s *scope, over any, depth int) {
	l := &loop{node: n, scope: s, items: n.chosen(r, s, r.each(over)), depth: depth}
	if len(l.items) == 0 {
		r.block(n.otherwise, newScope(s))
		return
	}
	for l.at = range l.items {
		r.tick()
		inner := newScope(s)
		inner.set("loop", l)
		n.target.set(r, inner, l.items[l.at])
		if r.block(n.body, inner) == leaves {
			return
		}
	}
}

// chosen are the items for which the loop's test holds.
func (n *forNode) chosen(r *run, s *scope, all list) list {
	if n.test == nil {
		return all
	}
	var some list
	for _, v := range all {
		inner := newScope(s)
		n.target.set(r, inner, v)
		if truth(n.test.value(r, inner)) {
			some = append(some, v)
		}
	}
	return some
}

// loop is what a template calls loop.
type loop struct {
	node    *forNode
	scope   *scope
	items   list
	at      int
	depth   int
	changes list // what loop.changed was called with last; nil before
}

// loopAttributes are the attributes of loop.
var loopAttributes = map[string]func(l *loop) any{
	"index":     func(l *loop) any { return int64(l.at + 1) },
	"index0":    func(l *loop) any { return int64(l.at) },
	"revindex":  func(l *loop) any { return int64(len(l.items) - l.at) },
	"revindex0": func(l *loop) any { return int64(len(l.items) - l.at - 1) },
	"first":     func(l *loop) any { return l.at == 0 },
	"last":      func(l *loop) any { return l.at == len(l.items)-1 },
	"length":    func(l *loop) any { return int64(len(l.items)) },
	"depth":     func(l *loop) any { return int64(l.depth + 1) },
	"depth0":    func(l *loop) any { return int64(l.depth) },
	"previtem":  func(l *loop) any { return l.item(l.at-1, "there is no previous item, which") },
	"nextitem":  func(l *loop) any { return l.item(l.at+1, "there is no next item, which") },
}

func (l *loop) item(at int, none string) any {
	if at < 0 || at >= len(l.items) {
		return undefined{none}
	}
	return l.items[at]
}

func (l *loop) attribute(r *run, name string) (any, bool) {
	if f, ok := loopAttributes[name]; ok {
		return f(l), true
	}
	switch name {
	case "cycle":
		return &function{name: "cycle", call: func(_ *run, a arguments) any {
			if len(a.values) == 0 {
				fail("loop.cycle() needs what to go through")
			}
			return a.values[l.at%len(a.values)]
		}}, true
	case "changed":
		return &function{name: "changed", call: func(r *run, a arguments) any { return l.changed(r, a.values) }}, true
	}
	return nil, false
}

func (l *loop) changed(r *run, values list) bool {
	if l.changes != nil && r.equal(l.changes, values) {
		return false
	}
	if l.changes = values; values == nil {
		l.changes = list{}
	}
	return true
}

// again passes a recursive loop over other items, and returns what it writes.
func (l *loop) again(r *run, over any) any {
	if !l.node.recursive {
		fail("a loop can be called only where it says so, as in {%% for x in y recursive %%}")
	}
	inner := newScope(l.scope)
	inner.to = &strings.Builder{}
	l.node.pass(r, inner, over, l.depth+1)
	return inner.to.String()
}
