package jinja

import "slices"

// A method is a function of a value's type. Those that change a value are held back, as in Jinja2's
// immutable sandbox.
type method func(r *run, v any, a arguments) any

type methodTable struct {
	has     func(v any) bool
	methods map[string]method
	held    []string
}

var methodTables []methodTable

// It is filled by init, for methods look attributes up themselves.
func init() {
	methodTables = []methodTable{
		{isText, textMethods(), nil},
		{isOf[*Dict], dictMethods, []string{"clear", "pop", "popitem", "setdefault", "update"}},
		{isOf[list], listMethods, []string{"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"}},
		{isOf[tuple], tupleMethods, nil},
		{isOf[span], tupleMethods, nil},
		{isOf[float64], floatMethods, nil},
		{isOf[int64], intMethods, nil},
	}
}

func isOf[T any](v any) bool { _, ok := v.(T); return ok }

var dictMethods = map[string]method{
	"get": func(r *run, v any, a arguments) any {
		b := a.bind("key", "default")
		if b[0] == (absent{}) {
			fail("get() needs a key")
		}
		if found, ok := v.(*Dict).get(r.key(b[0])); ok {
			return found
		}
		return or(b[1], nil)
	},
	"keys": func(r *run, v any, a arguments) any { a.none(); return view{"dict_keys", r.each(v)} },
	"values": func(r *run, v any, a arguments) any {
		a.none()
		r.slots(v.(*Dict).Len())
		return view{"dict_values", slices.Clone(v.(*Dict).values)}
	},
	"items": func(r *run, v any, a arguments) any { a.none(); return view{"dict_items", r.itemsOf(v)} },
	"copy": func(r *run, v any, a arguments) any {
		a.none()
		r.times(v.(*Dict).Len(), entryBytes)
		return v.(*Dict).clone()
	},
}

var tupleMethods = map[string]method{
	"count": func(r *run, v any, a arguments) any {
		n, wanted := int64(0), a.one("value")
		for _, x := range r.each(v) {
			if r.equal(x, wanted) {
				n++
			}
		}
		return n
	},
	"index": func(r *run, v any, a arguments) any {
		b := a.bind("value", "start", "stop")
		all := r.each(v)
		places := cut{or(b[1], nil), or(b[2], nil), nil}.of(len(all))
		for _, i := range places {
			if r.equal(all[i], b[0]) {
				return int64(i)
			}
		}
		fail("index(): the value is not in the list")
		return nil
	},
}

var listMethods = map[string]method{
	"count": tupleMethods["count"], "index": tupleMethods["index"],
	"copy": func(r *run, v any, a arguments) any { a.none(); return slices.Clone(r.each(v)) },
}

var floatMethods = map[string]method{
	"is_integer": func(_ *run, v any, a arguments) any { a.none(); return v.(float64) == float64(int64(v.(float64))) },
}

var intMethods = map[string]method{
	"bit_length": func(_ *run, v any, a arguments) any {
		a.none()
		n := int64(0)
		for u := magnitude(v.(int64)); u > 0; u >>= 1 {
			n++
		}
		return n
	},
}
