package jinja

import (
	"slices"
	"strings"
)

// A function is what a template can call.
type function struct {
	name string
	call func(r *run, a arguments) any
}

// object is a value with attributes that a global function has made: a cycler.
type object struct{ attributes map[string]any }

// arguments are what a function is called with.
type arguments struct {
	what   string // the function, for messages
	values []any
	named  *Dict
}

// absent is an argument that was not given.
type absent struct{}

// bind puts the arguments in the order of a function's parameters, absent for those left out.
func (a arguments) bind(parameters ...string) []any {
	if len(a.values) > len(parameters) {
		fail("%s takes at most %d arguments, not %d", a.what, len(parameters), len(a.values))
	}
	bound := make([]any, len(parameters))
	for i := range bound {
		bound[i] = absent{}
	}
	copy(bound, a.values)
	if a.named == nil {
		return bound
	}
	for i, key := range a.named.keys {
		at := slices.Index(parameters, key.(string))
		if at < 0 {
			fail("%s has no argument %q (it has %s)", a.what, key, strings.Join(parameters, ", "))
		}
		if bound[at] != (absent{}) {
			fail("%s gets %q twice", a.what, key)
		}
		bound[at] = a.named.values[i]
	}
	return bound
}

// one is the only argument.
func (a arguments) one(parameter string) any {
	v := a.bind(parameter)[0]
	if v == (absent{}) {
		fail("%s needs an argument", a.what)
	}
	return v
}

func (a arguments) none() { a.bind() }

// or is the argument, or what stands for one that was left out.
func or(argument, otherwise any) any {
	if argument == (absent{}) {
		return otherwise
	}
	return argument
}

// intOr, boolOr and textOr are arguments of one type.
func intOr(what string, argument any, otherwise int64) int64 {
	i, ok := integer(or(argument, otherwise))
	if !ok {
		fail("%s wants a whole number, not %s", what, kindOf(argument))
	}
	return i
}

func boolOr(argument any, otherwise bool) bool { return truth(or(argument, otherwise)) }

func textOr(what string, argument any, otherwise string) string {
	s, ok := text(or(argument, otherwise))
	if !ok {
		fail("%s wants a string, not %s", what, kindOf(argument))
	}
	return s
}

// call calls what a template has named.
func (r *run) call(f any, a arguments) any {
	r.tick()
	switch f := f.(type) {
	case *function:
		if a.what == "" {
			a.what = f.name + "()"
		}
		r.enter()
		defer r.leave()
		return f.call(r, a)
	case *loop:
		r.enter()
		defer r.leave()
		return f.again(r, a.one("iterable"))
	case undefined:
		f.fail()
	}
	fail("%s cannot be called", kindOf(f))
	return nil
}
