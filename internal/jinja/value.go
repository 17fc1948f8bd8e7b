package jinja

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
)

// Values of templates are nil (None), bool, int64, float64, string, and these.
type (
	list  []any
	tuple []any

	// markup is a string that the filters safe and escape have marked: what is added to it is
	// escaped, as by Python's markupsafe.
	markup string

	// span is a range(start, stop, step).
	span struct{ start, stop, step int64 }

	// view is what dict.keys(), values() and items() give.
	view struct {
		kind  string
		items list
	}

	// group is an entry of the filter groupby.
	group struct {
		grouper any
		list    list
	}

	// undefined is a name or an entry that is not there: empty, false, and an error where it is
	// used for more.
	undefined struct{ what string }
)

// generator is what map, select and their kin give: it can be read once.
type generator struct {
	kind  string
	items list
}

// namespace holds what a loop changes for the time after it.
type namespace struct{ entries *Dict }

// deepest is how deep a value may be nested.
const deepest = 200

// FromJSON reads a JSON value whose objects keep the order of their keys, as Python's do.
func FromJSON(data []byte) (v any, err error) {
	defer failed(&err)
	return mustJSON(data), nil
}

// FromGo is a value of Go as a template sees it: see [Template.Render].
func FromGo(v any) (out any, err error) {
	defer failed(&err)
	return fromGo(v, 0), nil
}

// Items are the entries of a list; ok is false for what is none.
func Items(v any) (all []any, ok bool) {
	switch v := v.(type) {
	case list:
		return v, true
	case tuple:
		return v, true
	}
	return nil, false
}

func mustJSON(data []byte) any {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v := fromJSON(d, 0)
	if _, err := d.Token(); err != io.EOF {
		fail("JSON: there is more after the value")
	}
	return v
}

func fromJSON(d *json.Decoder, depth int) any {
	if depth > deepest {
		fail("a value is nested more than %d deep", deepest)
	}
	t, err := d.Token()
	if err != nil {
		fail("JSON: %v", err)
	}
	switch t := t.(type) {
	case json.Number:
		return fromNumber(t)
	case json.Delim:
		if t == '[' {
			return arrayFromJSON(d, depth)
		}
		return objectFromJSON(d, depth)
	}
	return t
}

func arrayFromJSON(d *json.Decoder, depth int) any {
	all := list{}
	for d.More() {
		all = append(all, fromJSON(d, depth+1))
	}
	closed(d)
	return all
}

func objectFromJSON(d *json.Decoder, depth int) any {
	all := NewDict()
	for d.More() {
		key := fromJSON(d, depth+1)
		all.Set(key.(string), fromJSON(d, depth+1))
	}
	closed(d)
	return all
}

// closed reads the bracket that ends an array or an object.
func closed(d *json.Decoder) {
	if _, err := d.Token(); err != nil {
		fail("JSON: %v", err)
	}
}

func fromNumber(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, err := n.Float64()
	if err != nil {
		fail("JSON: the number %s does not fit 64 bits", n)
	}
	if !strings.ContainsAny(n.String(), ".eE") {
		fail("JSON: the integer %s does not fit 64 bits", n)
	}
	return f
}

// fromGo is a value of Go as a template sees it. Maps of Go come in the order of their keys.
func fromGo(v any, depth int) any {
	if depth > deepest {
		fail("a value is nested more than %d deep", deepest)
	}
	switch v := v.(type) {
	case nil, bool, int64, float64, string, *Dict, list, tuple:
		return v
	case json.Number:
		return fromNumber(v)
	case json.RawMessage:
		return mustJSON(v)
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Bool:
		return r.Bool()
	case reflect.String:
		return r.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32:
		return r.Int()
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint, reflect.Uint64:
		if r.Uint() > math.MaxInt64 {
			fail("the number %d does not fit 64 bits", r.Uint())
		}
		return int64(r.Uint())
	case reflect.Float32:
		return r.Float()
	case reflect.Slice, reflect.Array:
		all := make(list, r.Len())
		for i := range all {
			all[i] = fromGo(r.Index(i).Interface(), depth+1)
		}
		return all
	case reflect.Map:
		return fromMap(r, depth)
	case reflect.Pointer, reflect.Interface:
		if r.IsNil() {
			return nil
		}
		return fromGo(r.Elem().Interface(), depth+1)
	}
	fail("a variable holds a %T: want what JSON can say", v)
	return nil
}

func fromMap(m reflect.Value, depth int) any {
	if m.Type().Key().Kind() != reflect.String {
		fail("a variable holds a %v: want a map by strings", m.Type())
	}
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	all := NewDict()
	for _, k := range keys {
		all.Set(k.String(), fromGo(m.MapIndex(k).Interface(), depth+1))
	}
	return all
}

// text is what a string holds; ok is false where v is none.
func text(v any) (s string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case markup:
		return string(v), true
	}
	return "", false
}

// like is s, marked where v is.
func like(v any, s string) any {
	if _, ok := v.(markup); ok {
		return markup(s)
	}
	return s
}

// truth is Python's bool().
func truth(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case string:
		return v != ""
	case markup:
		return v != ""
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	}
	if n, ok := length(v); ok {
		return n > 0
	}
	return true
}

// length is Python's len().
func length(v any) (int, bool) {
	switch v := v.(type) {
	case string:
		return len([]rune(v)), true
	case markup:
		return len([]rune(v)), true
	case list:
		return len(v), true
	case tuple:
		return len(v), true
	case *Dict:
		return v.Len(), true
	case view:
		return len(v.items), true
	case span:
		return v.len(), true
	case group:
		return 2, true
	case undefined:
		return 0, true
	}
	return 0, false
}

func (s span) len() int {
	switch {
	case s.step > 0 && s.start < s.stop:
		return int((s.stop-s.start-1)/s.step) + 1
	case s.step < 0 && s.start > s.stop:
		return int((s.start-s.stop-1)/-s.step) + 1
	}
	return 0
}

func (s span) items() list {
	all := make(list, s.len())
	for i := range all {
		all[i] = s.start + int64(i)*s.step
	}
	return all
}

// items are what a loop over v passes; ok is false where nothing can be looped over.
func items(v any) (all list, ok bool) {
	switch v := v.(type) {
	case string, markup:
		s, _ := text(v)
		for _, c := range s {
			all = append(all, string(c))
		}
		return all, true
	case list:
		return v, true
	case tuple:
		return list(v), true
	case *Dict:
		return slices.Clone(v.keys), true
	case view:
		return v.items, true
	case span:
		return v.items(), true
	case group:
		return list{v.grouper, v.list}, true
	case *generator:
		all, v.items = v.items, nil
		return all, true
	case undefined:
		return nil, true
	}
	return nil, false
}

// each is items, or the end of the template.
func (r *run) each(v any) list {
	if n, ok := length(v); ok {
		r.slots(n)
	}
	all, ok := items(v)
	if !ok {
		fail("%s cannot be looped over", kindOf(v))
	}
	return all
}

// kindOf names a value's type in messages, as Python does.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "a bool"
	case int64:
		return "an int"
	case float64:
		return "a float"
	case string, markup:
		return "a string"
	case list:
		return "a list"
	case tuple, group:
		return "a tuple"
	case *Dict:
		return "a dict"
	case undefined:
		return v.String()
	}
	return "such a value"
}

func (u undefined) String() string { return u.what + ", which is undefined," }

// fail is what any use of an undefined value comes to.
func (u undefined) fail() { fail("%s is undefined", u.what) }
