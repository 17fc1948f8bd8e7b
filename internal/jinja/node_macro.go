package jinja

// A signature is what a macro is called with.
type signature struct {
	names    []string
	defaults []expression // nil for those without
}

type macroNode struct {
	name string
	signature
	body  []node
	reads map[string]bool // names, of which caller, varargs and kwargs have a meaning
}

func (n *macroNode) run(_ *run, s *scope) signal {
	s.set(n.name, macro(n.name, n.signature, n.body, n.reads, s))
	return goesOn
}

// macro is a function that writes a body. It sees the names of where it was made.
func macro(name string, sig signature, body []node, reads map[string]bool, made *scope) *function {
	return &function{name: name, call: func(r *run, a arguments) any {
		inner := newScope(made)
		sig.bind(r, inner, a, reads, name)
		return r.captured(body, inner)
	}}
}

// bind sets the arguments of a call in a macro's scope. One that is left out is undefined; those
// for which there is no name are an error, but where the macro reads varargs, kwargs or caller.
func (sig signature) bind(r *run, s *scope, a arguments, reads map[string]bool, macro string) {
	named := namedArguments{a.named, map[any]bool{}}
	for i, name := range sig.names {
		v, given := named.take(name)
		switch {
		case i < len(a.values):
			if given {
				fail("macro %q gets its argument %q twice", macro, name)
			}
			v = a.values[i]
		case !given && sig.defaults[i] != nil:
			v = sig.defaults[i].value(r, s)
		case !given:
			v = undefined{"parameter " + name}
		}
		s.set(name, v)
	}
	sig.rest(s, a, named, reads, macro)
}

func (sig signature) rest(s *scope, a arguments, named namedArguments, reads map[string]bool, macro string) {
	if reads["caller"] {
		caller, given := named.take("caller")
		if !given {
			caller = undefined{"the caller of a macro that no call block calls"}
		}
		s.set("caller", caller)
	}
	extra := tuple(a.values[min(len(sig.names), len(a.values)):])
	left := named.left()
	switch {
	case reads["kwargs"]:
		s.set("kwargs", left)
	case left.Len() > 0:
		fail("macro %q has no argument %q", macro, left.keys[0])
	}
	switch {
	case reads["varargs"]:
		s.set("varargs", extra)
	case len(extra) > 0:
		fail("macro %q takes %d arguments, not %d", macro, len(sig.names), len(a.values))
	}
}

// namedArguments are those of a call, of which a macro takes one after the other.
type namedArguments struct {
	all   *Dict // nil for none
	taken map[any]bool
}

func (n namedArguments) take(key string) (any, bool) {
	if n.all == nil || n.taken[key] {
		return nil, false
	}
	v, ok := n.all.get(key)
	n.taken[key] = ok
	return v, ok
}

// left are those that were not taken.
func (n namedArguments) left() *Dict {
	rest := NewDict()
	if n.all == nil {
		return rest
	}
	for i, k := range n.all.keys {
		if !n.taken[k] {
			rest.set(k, n.all.values[i])
		}
	}
	return rest
}

// callNode calls a macro with its body as the function caller.
type callNode struct {
	call callExpression
	signature
	body  []node
	reads map[string]bool
}

func (n *callNode) run(r *run, s *scope) signal {
	f := n.call.of.value(r, s)
	a := n.call.arguments.value(r, s)
	if a.named == nil {
		a.named = NewDict()
	}
	a.named.set("caller", macro("caller", n.signature, n.body, n.reads, s))
	r.print(s, r.str(r.call(f, a)))
	return goesOn
}
