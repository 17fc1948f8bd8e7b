package jinja

// A node is a part of a template that writes, or does something.
type node interface {
	run(r *run, s *scope) signal
}

type (
	textNode  string
	printNode struct{ value expression }
	jumpNode  signal

	ifNode struct {
		tests  []expression
		bodies [][]node
	}

	setNode struct {
		target target
		value  expression
	}

	setBlockNode struct {
		target  target
		filters expression // of what the body writes; nil for none
		body    []node
	}

	filterNode struct {
		filters expression
		body    []node
	}

	withNode struct {
		targets []target
		values  []expression
		body    []node
	}

	generationNode struct{ body []node }
)

func (n textNode) run(r *run, s *scope) signal {
	r.print(s, string(n))
	return goesOn
}

func (n printNode) run(r *run, s *scope) signal {
	r.print(s, r.str(n.value.value(r, s)))
	return goesOn
}

func (n jumpNode) run(*run, *scope) signal { return signal(n) }

func (n *ifNode) run(r *run, s *scope) signal {
	for i, test := range n.tests {
		if truth(test.value(r, s)) {
			return r.block(n.bodies[i], s)
		}
	}
	return goesOn
}

func (n setNode) run(r *run, s *scope) signal {
	n.target.set(r, s, n.value.value(r, s))
	return goesOn
}

func (n setBlockNode) run(r *run, s *scope) signal {
	n.target.set(r, s, r.filtered(n.filters, r.captured(n.body, newScope(s)), s))
	return goesOn
}

func (n filterNode) run(r *run, s *scope) signal {
	r.print(s, r.str(r.filtered(n.filters, r.captured(n.body, newScope(s)), s)))
	return goesOn
}

// filtered passes a text through filters.
func (r *run) filtered(filters expression, text string, s *scope) any {
	if filters == nil {
		return text
	}
	return filters.(filterExpression).after(r, s, text)
}

func (n *withNode) run(r *run, s *scope) signal {
	inner := newScope(s)
	for i, t := range n.targets {
		t.set(r, inner, n.values[i].value(r, s))
	}
	return r.block(n.body, inner)
}

// run notes where the assistant's text lies. Within another block that collects text, such as a
// macro, transformers notes where the text so far ended, and so does this.
func (n generationNode) run(r *run, s *scope) signal {
	text := r.captured(n.body, newScope(s))
	from := r.out.Len()
	r.generated = append(r.generated, [2]int{from, from + len(text)})
	r.print(s, text)
	return goesOn
}

// A target is what a set or a loop sets.
type target interface {
	set(r *run, s *scope, v any)
}

type (
	nameTarget      string
	targets         []target
	attributeTarget struct{ of, name string }
)

func (t nameTarget) set(_ *run, s *scope, v any) { s.set(string(t), v) }

func (t targets) set(r *run, s *scope, v any) {
	all := r.each(v)
	if len(all) != len(t) {
		fail("%d values cannot be set to %d names", len(all), len(t))
	}
	for i := range t {
		t[i].set(r, s, all[i])
	}
}

func (t attributeTarget) set(_ *run, s *scope, v any) {
	of, _ := s.get(t.of)
	ns, ok := of.(*namespace)
	if !ok {
		fail("%s.%s cannot be set: %s is no namespace()", t.of, t.name, t.of)
	}
	ns.entries.set(t.name, v)
}
