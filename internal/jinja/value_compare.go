package jinja

import (
	"cmp"
	"math"
	"strings"
)

// number is v as a float where it is a number; a bool is one in Python.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case bool, int64:
		i, _ := integer(v)
		return float64(i), true
	case float64:
		return v, true
	}
	return 0, false
}

// integer is v where it is a whole number; a bool is one in Python.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return v, true
	}
	return 0, false
}

// sequence is what a list, or a tuple, holds. Those of different kinds are never equal.
func sequence(v any) (all list, kind string) {
	switch v := v.(type) {
	case list:
		return v, "list"
	case tuple:
		return list(v), "tuple"
	case group:
		return list{v.grouper, v.list}, "tuple"
	case span:
		return v.items(), "range"
	}
	return nil, ""
}

// equal is Python's ==.
func (r *run) equal(a, b any) bool { return r.equalAt(a, b, 0) }

func (r *run) equalAt(a, b any, depth int) bool {
	r.tick()
	depth = deeper(depth)
	if x, ok := integer(a); ok {
		if y, ok := integer(b); ok {
			return x == y
		}
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	if x, ok := text(a); ok {
		y, ok := text(b)
		return ok && x == y
	}
	if x, kind := sequence(a); kind != "" {
		y, other := sequence(b)
		return kind == other && r.equalLists(x, y, depth)
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case undefined:
		_, ok := b.(undefined)
		return ok
	case *Dict:
		other, ok := b.(*Dict)
		return ok && r.equalDicts(a, other, depth)
	case *function, *namespace, *loop, *generator:
		return a == b
	}
	return false
}

func (r *run) equalLists(a, b list, depth int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !r.equalAt(a[i], b[i], depth) {
			return false
		}
	}
	return true
}

func (r *run) equalDicts(a, b *Dict, depth int) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i, k := range a.keys {
		v, ok := b.get(k)
		if !ok || !r.equalAt(a.values[i], v, depth) {
			return false
		}
	}
	return true
}

// compare is -1, 0 or 1 as a is before, at or after b; unordered where one of them is NaN.
func (r *run) compare(a, b any) (order int, unordered bool) { return r.compareAt(a, b, 0) }

func (r *run) compareAt(a, b any, depth int) (int, bool) {
	r.tick()
	depth = deeper(depth)
	if x, ok := integer(a); ok {
		if y, ok := integer(b); ok {
			return cmp.Compare(x, y), false
		}
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return cmp.Compare(x, y), math.IsNaN(x) || math.IsNaN(y)
		}
	}
	if x, ok := text(a); ok {
		if y, ok := text(b); ok {
			return strings.Compare(x, y), false
		}
	}
	x, kind := sequence(a)
	y, other := sequence(b)
	if kind != "" && kind == other && kind != "range" {
		for i := range min(len(x), len(y)) {
			if !r.equalAt(x[i], y[i], depth) {
				return r.compareAt(x[i], y[i], depth)
			}
		}
		return cmp.Compare(len(x), len(y)), false
	}
	fail("%s and %s have no order", kindOf(a), kindOf(b))
	return 0, false
}

// contains is Python's `a in b`.
func (r *run) contains(a, b any) bool {
	if s, ok := text(b); ok {
		part, ok := text(a)
		if !ok {
			fail("only a string can be in a string, not %s", kindOf(a))
		}
		r.room(len(s))
		return strings.Contains(s, part)
	}
	if d, ok := b.(*Dict); ok {
		_, found := d.get(r.key(a))
		return found
	}
	for _, v := range r.each(b) {
		if r.equal(a, v) {
			return true
		}
	}
	return false
}
