package jinja

import (
	"slices"
	"strings"
)

// A filter is what stands after a |.
type filter struct {
	parameters []string // beside the value that is filtered
	apply      func(r *run, v any, a []any) any

	// raw filters take their arguments as they are: those of map are another filter's.
	raw func(r *run, v any, a arguments) any
}

func (f filter) call(r *run, name string, v any, a arguments) any {
	a.what = "the filter " + name
	if s, ok := text(v); ok {
		r.room(len(s)) // a filter reads all of it
	}
	if f.raw != nil {
		return f.raw(r, v, a)
	}
	return f.apply(r, v, a.bind(f.parameters...))
}

// filters are those of Jinja2 that a chat template has a use for.
var filters map[string]filter

func init() {
	filters = map[string]filter{}
	for _, table := range []map[string]filter{textFilters, listFilters, numberFilters, valueFilters} {
		for name, f := range table {
			filters[name] = f
		}
	}
	for other, name := range map[string]string{"d": "default", "e": "escape", "count": "length"} {
		filters[other] = filters[name]
	}
}

func with(apply func(r *run, v any, a []any) any, parameters ...string) filter {
	return filter{parameters: parameters, apply: apply}
}

// valueFilters are for any value.
var valueFilters = map[string]filter{
	"default": with(func(_ *run, v any, a []any) any {
		if _, ok := v.(undefined); ok || boolOr(a[1], false) && !truth(v) {
			return or(a[0], "")
		}
		return v
	}, "default_value", "boolean"),
	"length": with(func(_ *run, v any, _ []any) any {
		n, ok := length(v)
		if !ok {
			fail("%s has no length", kindOf(v))
		}
		return int64(n)
	}),
	"string": with(func(r *run, v any, _ []any) any {
		if isText(v) {
			return v
		}
		return r.str(v)
	}),
	"list":  with(func(r *run, v any, _ []any) any { return slices.Clone(r.each(v)) }),
	"items": with(func(r *run, v any, _ []any) any { return &generator{"items", r.itemsOf(v)} }),
	"attr": with(func(r *run, v any, a []any) any {
		name := textOr("attr", a[0], "")
		if found, ok := r.attribute(v, name); ok {
			return found
		}
		return undefined{missing(r, v, name)}
	}, "name"),
	"safe": with(func(r *run, v any, _ []any) any { return markup(r.str(v)) }),
	"escape": with(func(r *run, v any, _ []any) any {
		if m, ok := v.(markup); ok {
			return m
		}
		return markup(r.escaped(r.str(v)))
	}),
	"forceescape": with(func(r *run, v any, _ []any) any { return markup(r.escaped(r.str(v))) }),
	"tojson":      with(func(r *run, v any, a []any) any { return r.json(v, a) }, "ensure_ascii", "indent", "separators", "sort_keys"),
}

func (r *run) itemsOf(v any) list {
	switch v := v.(type) {
	case *Dict:
		r.times(v.Len(), entryBytes)
		return v.items()
	case undefined:
		return nil
	}
	fail("the filter items wants a dict, not %s", kindOf(v))
	return nil
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", `"`, "&#34;")

func escapeHTML(s string) string { return htmlEscapes.Replace(s) }

func (r *run) escaped(s string) string {
	r.times(5, len(s))
	return escapeHTML(s)
}
