package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// listFilters are for what can be looped over.
var listFilters = map[string]filter{
	"first": with(func(r *run, v any, _ []any) any { return end(r.each(v), 0, "the first of nothing") }),
	"last": with(func(r *run, v any, _ []any) any {
		if g, ok := v.(*generator); ok {
			fail("%s cannot be read from its end", g.kind)
		}
		all := r.each(v)
		return end(all, len(all)-1, "the last of nothing")
	}),
	"join":    with(joinedList, "d", "attribute"),
	"reverse": with(reversed),
	"sort": with(func(r *run, v any, a []any) any {
		attribute := or(a[2], nil)
		key := r.keyOf(attribute, boolOr(a[1], false))
		listed := key // attributes are a list; lists of what is undefined are equal, and so in order
		if attribute == nil {
			listed = func(v any) any { return list{key(v)} }
		}
		return r.sorted(r.each(v), listed, boolOr(a[0], false))
	}, "reverse", "case_sensitive", "attribute"),
	"unique": with(func(r *run, v any, a []any) any {
		key, seen, all := r.keyOf(or(a[1], nil), boolOr(a[0], false)), map[string]bool{}, list{}
		for _, x := range r.each(v) {
			if h := hash(r.key(key(x)), 0); !seen[h] {
				seen[h] = true
				all = append(all, x)
			}
		}
		return &generator{"do_unique", all}
	}, "case_sensitive", "attribute"),
	"max":      with(func(r *run, v any, a []any) any { return r.most(v, a, 1) }, "case_sensitive", "attribute"),
	"min":      with(func(r *run, v any, a []any) any { return r.most(v, a, -1) }, "case_sensitive", "attribute"),
	"groupby":  with(func(r *run, v any, a []any) any { return r.grouped(v, a) }, "attribute", "default", "case_sensitive"),
	"dictsort": with(sortedDict, "case_sensitive", "by", "reverse"),
	"batch":    with(batched, "linecount", "fill_with"),
	"slice":    with(sliced, "slices", "fill_with"),

	"map":        {raw: mapped},
	"select":     {raw: func(r *run, v any, a arguments) any { return r.selected(v, a, true, false) }},
	"reject":     {raw: func(r *run, v any, a arguments) any { return r.selected(v, a, false, false) }},
	"selectattr": {raw: func(r *run, v any, a arguments) any { return r.selected(v, a, true, true) }},
	"rejectattr": {raw: func(r *run, v any, a arguments) any { return r.selected(v, a, false, true) }},
}

func end(all list, at int, what string) any {
	if len(all) == 0 {
		return undefined{what}
	}
	return all[at]
}

func joinedList(r *run, v any, a []any) any {
	all, between := r.each(v), r.str(or(a[0], ""))
	if attribute := or(a[1], nil); attribute != nil {
		all = r.attributesOf(all, attribute, undefined{})
	}
	parts, size := make([]string, len(all)), 0
	for i, x := range all {
		r.tick()
		parts[i] = r.str(x)
		size += len(parts[i]) + len(between)
		r.room(len(parts[i]) + len(between))
	}
	r.room(size)
	return strings.Join(parts, between)
}

func reversed(r *run, v any, _ []any) any {
	all := slices.Clone(r.each(v))
	slices.Reverse(all)
	if s, ok := text(v); ok {
		chars := []rune(s)
		slices.Reverse(chars)
		return like(v, string(chars))
	}
	return &generator{"reversed", all}
}

// path is what an attribute path such as "a.b.0" comes to; what is missing becomes otherwise, or is
// undefined.
func (r *run) path(v any, path []any, otherwise any) any {
	for _, part := range path {
		v = r.item(v, part)
		if _, missing := v.(undefined); missing && otherwise != (undefined{}) {
			return otherwise
		}
	}
	return v
}

func pathPart(s string) any {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil && strings.Trim(s, "0123456789") == "" {
		return i
	}
	return s
}

func (r *run) attributesOf(all list, attribute, otherwise any) list {
	path := attributePath(attribute)
	found := make(list, len(all))
	for i, x := range all {
		r.tick()
		found[i] = r.path(x, path, otherwise)
	}
	return found
}

// keyOf is by what things are sorted: themselves or attributes, strings in lower case.
func (r *run) keyOf(attribute any, caseSensitive bool) func(v any) any {
	plain := func(v any) any {
		if s, ok := text(v); ok && !caseSensitive {
			return lower(s)
		}
		return v
	}
	if attribute == nil {
		return plain
	}
	var paths [][]any
	if s, ok := text(attribute); ok {
		if len(s) > longestPath {
			fail("attribute has %d bytes: want at most %d", len(s), longestPath)
		}
		for _, part := range strings.Split(s, ",") {
			paths = append(paths, attributePath(part))
		}
	} else {
		paths = append(paths, attributePath(attribute))
	}
	return func(v any) any {
		found := make(list, len(paths))
		for i, p := range paths {
			found[i] = plain(r.path(v, p, undefined{}))
		}
		return found
	}
}

// sorted sorts stably, as Python does.
func (r *run) sorted(all list, key func(any) any, reverse bool) list {
	type keyed struct{ key, value any }
	pairs := make([]keyed, len(all))
	for i, v := range all {
		pairs[i] = keyed{key(v), v}
	}
	slices.SortStableFunc(pairs, func(a, b keyed) int {
		for _, k := range []any{a.key, b.key} {
			if u, ok := k.(undefined); ok {
				u.fail()
			}
		}
		order, _ := r.compare(a.key, b.key)
		if reverse {
			return -order
		}
		return order
	})
	out := make(list, len(all))
	for i, p := range pairs {
		out[i] = p.value
	}
	return out
}

// most is the first of the largest, or of the smallest.
func (r *run) most(v any, a []any, sign int) any {
	key, all := r.keyOf(or(a[1], nil), boolOr(a[0], false)), r.each(v)
	best := end(all, 0, "the extreme of nothing")
	for _, x := range all[min(1, len(all)):] {
		if order, _ := r.compare(key(x), key(best)); order*sign > 0 {
			best = x
		}
	}
	return best
}

func (r *run) grouped(v any, a []any) any {
	path, otherwise := attributePath(or(a[0], nil)), or(a[1], undefined{})
	plain := r.keyOf(nil, boolOr(a[2], false))
	raw := func(x any) any { return r.path(x, path, otherwise) }
	groups := list{}
	var last any
	for i, x := range r.sorted(r.each(v), func(x any) any { return plain(raw(x)) }, false) {
		if key := plain(raw(x)); i == 0 || !r.equal(key, last) {
			groups, last = append(groups, group{grouper: raw(x)}), key
		}
		g := groups[len(groups)-1].(group)
		g.list = append(g.list, x)
		groups[len(groups)-1] = g
	}
	return groups
}

func sortedDict(r *run, v any, a []any) any {
	d, ok := v.(*Dict)
	if !ok {
		fail("the filter dictsort wants a dict, not %s", kindOf(v))
	}
	at, known := map[string]int{"key": 0, "value": 1}[textOr("dictsort", a[1], "key")]
	if !known {
		fail("the filter dictsort sorts by key or by value, not by %v", a[1])
	}
	plain := r.keyOf(nil, boolOr(a[0], false))
	return r.sorted(d.items(), func(pair any) any { return plain(pair.(tuple)[at]) }, boolOr(a[2], false))
}

func batched(r *run, v any, a []any) any {
	n := int(intOr("batch", a[0], 0))
	if n < 1 {
		fail("the filter batch wants a number of items, not %d", n)
	}
	of, all := r.each(v), list{}
	r.times(len(of)/n, valueBytes)
	for part := range slices.Chunk(of, n) {
		all = append(all, slices.Clone(part))
	}
	fill := or(a[1], nil)
	if last := len(all) - 1; fill != nil && last >= 0 {
		short := all[last].(list)
		r.slots(n - len(short))
		all[last] = append(short, slices.Repeat(list{fill}, n-len(short))...)
	}
	return &generator{"do_batch", all}
}

func sliced(r *run, v any, a []any) any {
	n, all, out := int(intOr("slice", a[0], 0)), r.each(v), list{}
	if n < 1 {
		fail("the filter slice wants a number of slices, not %d", n)
	}
	r.times(n, valueBytes)
	fill := or(a[1], nil)
	each, longer, at := len(all)/n, len(all)%n, 0
	for i := range n {
		size := each
		if i < longer {
			size++
		}
		part := slices.Clone(all[at : at+size])
		at += size
		if fill != nil && i >= longer {
			part = append(part, fill)
		}
		out = append(out, part)
	}
	return &generator{"do_slice", out}
}

// some are the items of what is true; what is false has none, even where it cannot be looped over.
func (r *run) some(v any) list {
	if !truth(v) {
		return nil
	}
	return r.each(v)
}

// mapped applies a filter, or reads an attribute.
func mapped(r *run, v any, a arguments) any {
	all := r.some(v)
	if len(a.values) == 0 && a.named != nil {
		named := a.bind("", "attribute", "default")
		if named[1] != (absent{}) {
			return &generator{"sync_do_map", r.attributesOf(all, named[1], or(named[2], undefined{}))}
		}
	}
	if len(a.values) == 0 {
		fail("the filter map wants a filter, or attribute=")
	}
	called := textOr("map", a.values[0], "")
	f, ok := filters[called]
	if !ok {
		fail("the filter map: no filter is named %q", called)
	}
	out := make(list, len(all))
	for i, x := range all {
		r.tick()
		out[i] = f.call(r, called, x, arguments{values: a.values[1:], named: a.named})
	}
	return &generator{"sync_do_map", out}
}

// selected keeps the items, or those whose attribute passes a test, or is true where none is named.
func (r *run) selected(v any, a arguments, keep, attribute bool) any {
	all, of, rest := r.some(v), func(x any) any { return x }, a.values
	if attribute {
		if len(rest) == 0 {
			fail("%s wants the name of an attribute", a.what)
		}
		path := attributePath(rest[0])
		of, rest = func(x any) any { return r.path(x, path, undefined{}) }, rest[1:]
	}
	passes := truth
	if len(rest) > 0 {
		called := textOr(a.what, rest[0], "")
		t, ok := tests[called]
		if !ok {
			fail("%s: no test is named %q", a.what, called)
		}
		passes = func(x any) bool { return r.tested(called, t, x, arguments{values: rest[1:], named: a.named}) }
	}
	out := list{}
	for _, x := range all {
		r.tick()
		if passes(of(x)) == keep {
			out = append(out, x)
		}
	}
	return &generator{"select_or_reject", out}
}
