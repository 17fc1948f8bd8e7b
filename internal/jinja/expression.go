package jinja

import "strings"

// An expression is a part of a template that has a value.
type expression interface {
	value(r *run, s *scope) any
}

type (
	literal struct{ v any }
	name    string
	unary   struct {
		sign string
		of   expression
	}
	binary struct {
		sign        string
		left, right expression
	}
	joined         struct{ left, right expression }
	both           struct{ left, right expression }
	either         struct{ left, right expression }
	not            struct{ of expression }
	conditional    struct{ test, yes, no expression }
	attrExpression struct {
		of   expression
		name string
	}
	itemExpression  struct{ of, key expression }
	cutExpression   struct{ start, stop, step expression }
	listExpression  []expression
	tupleExpression []expression
	dictExpression  struct{ keys, values []expression }

	comparison struct {
		first  expression
		signs  []string
		others []expression
	}

	callExpression struct {
		of        expression
		arguments argumentList
	}

	filterExpression struct {
		of        expression // nil for the first filter of a block
		name      string
		apply     filter
		arguments argumentList
	}

	testExpression struct {
		of        expression
		name      string
		holds     test
		arguments argumentList
	}
)

// argumentList is what stands in the parentheses of a call.
type argumentList struct {
	values          []expression
	names           []string
	named           []expression
	rest, namedRest expression
}

func (e literal) value(*run, *scope) any { return e.v }

func (e name) value(_ *run, s *scope) any {
	if v, ok := s.get(string(e)); ok {
		return v
	}
	return undefined{string(e)}
}

func (e unary) value(r *run, s *scope) any {
	v := e.of.value(r, s)
	if u, ok := v.(undefined); ok {
		u.fail()
	}
	if e.sign == "-" {
		return negated(v)
	}
	return plus(v)
}

func (e binary) value(r *run, s *scope) any {
	r.tick()
	a, b := e.left.value(r, s), e.right.value(r, s)
	for _, v := range []any{a, b} {
		if u, ok := v.(undefined); ok && !(e.sign == "%" && isText(a)) {
			u.fail()
		}
	}
	return operators[e.sign](r, a, b)
}

func isText(v any) bool {
	_, ok := text(v)
	return ok
}

func (e joined) value(r *run, s *scope) any {
	r.tick()
	a, b := r.str(e.left.value(r, s)), r.str(e.right.value(r, s))
	r.room(len(a) + len(b))
	return a + b
}

func (e both) value(r *run, s *scope) any {
	if v := e.left.value(r, s); !truth(v) {
		return v
	}
	return e.right.value(r, s)
}

func (e either) value(r *run, s *scope) any {
	if v := e.left.value(r, s); truth(v) {
		return v
	}
	return e.right.value(r, s)
}

func (e not) value(r *run, s *scope) any { return !truth(e.of.value(r, s)) }

func (e conditional) value(r *run, s *scope) any {
	switch {
	case truth(e.test.value(r, s)):
		return e.yes.value(r, s)
	case e.no == nil:
		return undefined{"the else of an inline if, which was left out,"}
	}
	return e.no.value(r, s)
}

func (e attrExpression) value(r *run, s *scope) any {
	r.tick()
	return r.attr(e.of.value(r, s), e.name)
}

func (e itemExpression) value(r *run, s *scope) any {
	r.tick()
	return r.item(e.of.value(r, s), e.key.value(r, s))
}

func (e cutExpression) value(r *run, s *scope) any {
	part := func(e expression) any {
		if e == nil {
			return nil
		}
		return e.value(r, s)
	}
	return cut{part(e.start), part(e.stop), part(e.step)}
}

func (e listExpression) value(r *run, s *scope) any { return r.all(e, s) }

func (e tupleExpression) value(r *run, s *scope) any { return tuple(r.all(e, s)) }

func (r *run) all(expressions []expression, s *scope) list {
	r.slots(len(expressions))
	all := make(list, len(expressions))
	for i, e := range expressions {
		all[i] = e.value(r, s)
	}
	return all
}

func (e dictExpression) value(r *run, s *scope) any {
	r.times(len(e.keys), entryBytes)
	d := NewDict()
	for i, k := range e.keys {
		d.set(r.key(k.value(r, s)), e.values[i].value(r, s))
	}
	return d
}

// orders say which results of a comparison an operator accepts.
var orders = map[string]func(order int) bool{
	"<": func(o int) bool { return o < 0 }, "<=": func(o int) bool { return o <= 0 },
	">": func(o int) bool { return o > 0 }, ">=": func(o int) bool { return o >= 0 },
}

// value holds if all comparisons of a chain do, as in 1 < x < 3.
func (e comparison) value(r *run, s *scope) any {
	a := e.first.value(r, s)
	for i, sign := range e.signs {
		b := e.others[i].value(r, s)
		if !r.holds(sign, a, b) {
			return false
		}
		a = b
	}
	return true
}

func (r *run) holds(sign string, a, b any) bool {
	switch sign {
	case "==":
		return r.equal(a, b)
	case "!=":
		return !r.equal(a, b)
	case "in":
		return r.contains(a, b)
	case "not in":
		return !r.contains(a, b)
	}
	for _, v := range []any{a, b} {
		if u, ok := v.(undefined); ok {
			u.fail()
		}
	}
	order, unordered := r.compare(a, b)
	return !unordered && orders[sign](order)
}

func (e callExpression) value(r *run, s *scope) any {
	f := e.of.value(r, s)
	return r.call(f, e.arguments.value(r, s))
}

func (l argumentList) value(r *run, s *scope) arguments {
	a := arguments{values: r.all(l.values, s)}
	if l.rest != nil {
		a.values = append(a.values, r.each(l.rest.value(r, s))...)
	}
	if len(l.names) == 0 && l.namedRest == nil {
		return a
	}
	a.named = NewDict()
	for i, n := range l.names {
		if _, twice := a.named.get(n); twice {
			fail("an argument is named %q twice", n)
		}
		a.named.set(n, l.named[i].value(r, s))
	}
	if l.namedRest != nil {
		l.addRest(a.named, l.namedRest.value(r, s))
	}
	return a
}

func (l argumentList) addRest(named *Dict, rest any) {
	d, ok := rest.(*Dict)
	if !ok {
		fail("%s stands after **: want a dict", kindOf(rest))
	}
	for i, k := range d.keys {
		if _, ok := k.(string); !ok {
			fail("a name of an argument is %s", kindOf(k))
		}
		named.set(k, d.values[i])
	}
}

func (e filterExpression) value(r *run, s *scope) any { return e.after(r, s, nil) }

// after applies a filter, and those before it; in a filter block the first gets the block's text.
func (e filterExpression) after(r *run, s *scope, text any) any {
	r.tick()
	v := text
	switch before := e.of.(type) {
	case nil:
	case filterExpression:
		v = before.after(r, s, text)
	default:
		v = before.value(r, s)
	}
	a := e.arguments.value(r, s)
	return e.apply.call(r, e.name, v, a)
}

func (e testExpression) value(r *run, s *scope) any {
	r.tick()
	return r.tested(e.name, e.holds, e.of.value(r, s), e.arguments.value(r, s))
}

const longestPath = 4096

// attributePath is a filter's attribute="a.b.0".
func attributePath(attribute any) []any {
	if i, ok := integer(attribute); ok {
		return []any{i}
	}
	s, ok := text(attribute)
	if !ok {
		fail("attribute is %s: want a name", kindOf(attribute))
	}
	if len(s) > longestPath {
		fail("attribute has %d bytes: want at most %d", len(s), longestPath)
	}
	var path []any
	for _, part := range strings.Split(s, ".") {
		path = append(path, pathPart(part))
	}
	return path
}
