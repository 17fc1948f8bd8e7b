package jinja

import (
	"slices"
	"strconv"
	"strings"

	"gopherlens/internal/brief"
)

// item is obj[key]: the entry, then the attribute, then undefined.
func (r *run) item(obj, key any) any {
	if _, ok := key.(cut); ok && !isText(obj) {
		if _, kind := sequence(obj); kind == "" {
			fail("%s cannot be sliced", kindOf(obj))
		}
	}
	if v, ok := r.entry(obj, key); ok {
		return v
	}
	if name, ok := text(key); ok {
		if v, ok := r.attribute(obj, name); ok {
			return v
		}
	}
	return undefined{missing(r, obj, key)}
}

// attr is obj.name: the attribute, then the entry, then undefined.
func (r *run) attr(obj any, name string) any {
	if v, ok := r.attribute(obj, name); ok {
		return v
	}
	if v, ok := r.entry(obj, name); ok {
		return v
	}
	return undefined{missing(r, obj, name)}
}

func missing(r *run, obj, key any) string {
	if name, ok := text(key); ok {
		return strconv.Quote(brief.Text(name)) + " of " + kindOf(obj)
	}
	return brief.Text(r.repr(key)) + " of " + kindOf(obj)
}

// entry is what a dict, a list or a string holds under a key.
func (r *run) entry(obj, key any) (any, bool) {
	switch obj := obj.(type) {
	case undefined:
		obj.fail()
	case *Dict:
		if hashable(key) {
			return obj.get(r.key(key))
		}
		return nil, false
	case string, markup:
		s, _ := text(obj)
		return r.entryOfText(obj, s, key)
	}
	if s, ok := obj.(span); ok {
		if i, ok := at(key, s.len()); ok {
			return s.start + int64(i)*s.step, true
		}
		if c, ok := key.(cut); ok {
			return s.cut(c), true
		}
		return nil, false
	}
	all, kind := sequence(obj)
	if kind == "" {
		return nil, false
	}
	if c, ok := key.(cut); ok {
		picked := list{}
		for _, i := range c.of(len(all)) {
			picked = append(picked, all[i])
		}
		r.slots(len(picked))
		if kind == "tuple" {
			return tuple(picked), true
		}
		return picked, true
	}
	i, ok := at(key, len(all))
	if !ok {
		return nil, false
	}
	return all[i], true
}

func (r *run) entryOfText(obj any, s string, key any) (any, bool) {
	r.room(len(s))
	chars := []rune(s)
	if c, ok := key.(cut); ok {
		picked := []rune{}
		for _, i := range c.of(len(chars)) {
			picked = append(picked, chars[i])
		}
		return like(obj, string(picked)), true
	}
	i, ok := at(key, len(chars))
	if !ok {
		return nil, false
	}
	return like(obj, string(chars[i])), true
}

func hashable(key any) bool {
	switch k := key.(type) {
	case list, *Dict, cut, *namespace, view, span, group:
		return false
	case tuple:
		return hashableTuple(k)
	}
	return true
}

// hashableTuple looks no deeper than is known to be cheap: [hash] refuses what is too large.
func hashableTuple(t tuple) bool {
	return !slices.ContainsFunc(t, func(v any) bool {
		_, nested := v.(tuple)
		return !nested && !hashable(v)
	})
}

// at is the place that an index means in n entries, from the end where it is negative.
func at(key any, n int) (int, bool) {
	i, ok := integer(key)
	if !ok {
		return 0, false
	}
	if i < 0 {
		i += int64(n)
	}
	return int(i), i >= 0 && i < int64(n)
}

// cut is a slice, obj[start:stop:step], with nil for what is left out.
type cut struct{ start, stop, step any }

// bounds are where a cut of n begins, before what it ends, and its step.
func (c cut) bounds(n int) (from, to int, step int64) {
	step = bound(c.step, 1)
	if step == 0 {
		fail("the step of a slice is 0")
	}
	if step > 0 {
		return clipped(bound(c.start, 0), n, 0, n), clipped(bound(c.stop, int64(n)), n, 0, n), step
	}
	from, to = n-1, -1
	if c.start != nil {
		from = clipped(bound(c.start, 0), n, -1, n-1)
	}
	if c.stop != nil {
		to = clipped(bound(c.stop, 0), n, -1, n-1)
	}
	return from, to, step
}

// of are the places that a cut picks of n.
func (c cut) of(n int) []int {
	from, to, step := c.bounds(n)
	far := max(int64(n), 1)
	step = min(max(step, -far), far) // a longer one picks the first alone, too
	var all []int
	for i := from; step > 0 && i < to || step < 0 && i > to; i += int(step) {
		all = append(all, i)
	}
	return all
}

// cut is the part of a range that a slice picks.
func (s span) cut(c cut) span {
	from, to, step := c.bounds(s.len())
	far := max(int64(s.len()), 1)
	step = min(max(step, -far), far)
	return span{s.start + int64(from)*s.step, s.start + int64(to)*s.step, s.step * step}
}

func bound(v any, otherwise int64) int64 {
	if v == nil {
		return otherwise
	}
	i, ok := integer(v)
	if !ok {
		fail("a slice has %s for a bound: want a whole number", kindOf(v))
	}
	return i
}

// clipped is the place i, from the end where it is negative, within lowest and highest.
func clipped(i int64, n, lowest, highest int) int {
	if i < 0 {
		i += int64(n)
	}
	return int(min(max(i, int64(lowest)), int64(highest)))
}

// ofAll are attributes that even an undefined value has in Python.
var ofAll = []string{"__class__", "__init__", "__doc__", "__module__", "__dict__", "__eq__", "__hash__", "__str__", "__repr__", "__call__"}

// attribute is what Python's getattr finds, but for what the sandbox holds back: that is undefined.
func (r *run) attribute(obj any, name string) (any, bool) {
	_, nothing := obj.(undefined)
	if strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") && (!nothing || slices.Contains(ofAll, name)) {
		return undefined{"the attribute " + strconv.Quote(name) + ", which templates may not read,"}, true
	}
	if u, ok := obj.(undefined); ok {
		u.fail()
	}
	switch v := obj.(type) {
	case *namespace:
		return v.entries.get(name)
	case *loop:
		return v.attribute(r, name)
	case *object:
		f, ok := v.attributes[name]
		return f, ok
	case span:
		if bound, ok := map[string]int64{"start": v.start, "stop": v.stop, "step": v.step}[name]; ok {
			return bound, true
		}
	case group:
		switch name {
		case "grouper":
			return v.grouper, true
		case "list":
			return v.list, true
		}
	}
	return r.method(obj, name)
}

// method is a function of a value's type, bound to it.
func (r *run) method(obj any, name string) (any, bool) {
	for _, t := range methodTables {
		if !t.has(obj) {
			continue
		}
		if m, ok := t.methods[name]; ok {
			return &function{name: name, call: func(r *run, a arguments) any { return m(r, obj, a) }}, true
		}
		if slices.Contains(t.held, name) {
			return undefined{"the method " + strconv.Quote(name) + ", which changes its value and which templates may not call,"}, true
		}
	}
	return nil, false
}
