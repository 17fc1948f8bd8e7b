package jinja

import (
	"strings"
	"unicode"
)

// A test is what stands after is.
type test func(r *run, v any, others []any) bool

// testArguments are how many values a test compares with; 0 for those not named.
var testArguments = map[string]int{
	"divisibleby": 1, "eq": 1, "equalto": 1, "==": 1, "ne": 1, "!=": 1, "lt": 1, "lessthan": 1, "<": 1, "le": 1, "<=": 1,
	"gt": 1, "greaterthan": 1, ">": 1, "ge": 1, ">=": 1, "in": 1, "sameas": 1,
}

// comparisonTests are tests that an operator decides.
var comparisonTests = map[string]string{
	"eq": "==", "equalto": "==", "==": "==", "ne": "!=", "!=": "!=", "lt": "<", "lessthan": "<", "<": "<", "le": "<=", "<=": "<=",
	"gt": ">", "greaterthan": ">", ">": ">", "ge": ">=", ">=": ">=", "in": "in",
}

// tests are those of Jinja2.
var tests map[string]test

func init() {
	tests = map[string]test{
		"defined":   func(_ *run, v any, _ []any) bool { _, ok := v.(undefined); return !ok },
		"undefined": func(_ *run, v any, _ []any) bool { _, ok := v.(undefined); return ok },
		"none":      func(_ *run, v any, _ []any) bool { return v == nil },
		"boolean":   func(_ *run, v any, _ []any) bool { _, ok := v.(bool); return ok },
		"true":      func(_ *run, v any, _ []any) bool { return v == true },
		"false":     func(_ *run, v any, _ []any) bool { return v == false },
		"integer":   func(_ *run, v any, _ []any) bool { _, ok := v.(int64); return ok },
		"float":     func(_ *run, v any, _ []any) bool { _, ok := v.(float64); return ok },
		"number":    func(_ *run, v any, _ []any) bool { _, ok := number(v); return ok },
		"string":    func(_ *run, v any, _ []any) bool { return isText(v) },
		"mapping":   func(_ *run, v any, _ []any) bool { _, ok := v.(*Dict); return ok },
		"escaped":   func(_ *run, v any, _ []any) bool { _, ok := v.(markup); return ok },
		"iterable":  func(_ *run, v any, _ []any) bool { return isIterable(v) },
		"sequence":  func(_ *run, v any, _ []any) bool { return isSequence(v) },
		"callable":  func(_ *run, v any, _ []any) bool { return isCallable(v) },
		"lower":     func(r *run, v any, _ []any) bool { return hasCase(r.str(v), unicode.IsLower, unicode.IsUpper) },
		"upper":     func(r *run, v any, _ []any) bool { return hasCase(r.str(v), unicode.IsUpper, unicode.IsLower) },
		"odd":       func(r *run, v any, _ []any) bool { return r.equal(r.remainder(used(v), int64(2)), int64(1)) },
		"even":      func(r *run, v any, _ []any) bool { return r.equal(r.remainder(used(v), int64(2)), int64(0)) },
		"filter":    func(_ *run, v any, _ []any) bool { return isNamed(filters, v) },
		"test":      func(_ *run, v any, _ []any) bool { return isNamed(tests, v) },
		"divisibleby": func(r *run, v any, o []any) bool {
			return r.equal(r.remainder(used(v), used(o[0])), int64(0))
		},
		"sameas": func(_ *run, v any, o []any) bool { return same(v, o[0]) },
	}
	for name, sign := range comparisonTests {
		tests[name] = func(r *run, v any, o []any) bool { return r.holds(sign, v, o[0]) }
	}
}

func (r *run) tested(name string, t test, v any, a arguments) bool {
	if want := testArguments[name]; len(a.values) != want || a.named.Len() > 0 {
		fail("the test %s takes %d values to compare with, not %d", name, want, len(a.values)+a.named.Len())
	}
	return t(r, v, a.values)
}

func isNamed[T any](table map[string]T, v any) bool {
	if !hashable(v) {
		fail("%s cannot be a name", kindOf(v))
	}
	name, _ := text(v)
	_, ok := table[name]
	return ok
}

// used is v, where it is not undefined.
func used(v any) any {
	if u, ok := v.(undefined); ok {
		u.fail()
	}
	return v
}

func isIterable(v any) bool {
	if _, ok := v.(*generator); ok {
		return true
	}
	_, sized := length(v)
	return sized
}

func isSequence(v any) bool {
	if _, ok := v.(view); ok {
		return false
	}
	_, sized := length(v)
	return sized
}

func isCallable(v any) bool {
	switch v.(type) {
	case *function, *loop, undefined:
		return true
	}
	return false
}

// hasCase holds for a string with letters of one case, and none of the other.
func hasCase(s string, one, other func(rune) bool) bool {
	return strings.ContainsFunc(s, one) && !strings.ContainsFunc(s, other)
}

// same is Python's `is`, for values that are one object.
func same(a, b any) bool {
	switch a.(type) {
	case nil, bool, int64, float64, string, *Dict, *namespace, *function, *loop, *generator:
		return a == b
	case list:
		x := a.(list)
		y, ok := b.(list)
		return ok && len(x) == len(y) && len(x) > 0 && &x[0] == &y[0]
	}
	return false
}
