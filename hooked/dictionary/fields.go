package dictionary

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path"
	"slices"

	"gopherlens/internal/brief"
)

// fields is a dictionary's configuration file. It notes what was read: a field that nobody knows is
// refused, since it may change what is computed.
type fields struct {
	values map[string]any
	read   map[string]bool
	taken  []string // the defaults that stand in for what the file leaves out
	errs   []error
}

func readFields(file string) (*fields, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := json.Unmarshal(data, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return newFields(values), nil
}

func newFields(values map[string]any) *fields {
	return &fields{values: values, read: make(map[string]bool)}
}

func (f *fields) fail(format string, args ...any) {
	f.errs = append(f.errs, brief.Errorf("config: "+format, args...))
}

// get is a field's value; a null is none.
func (f *fields) get(name string) (any, bool) {
	f.read[name] = true
	v := f.values[name]
	return v, v != nil
}

// value is a field of type T, or the default, which is noted.
func value[T any](f *fields, name string, otherwise T) T {
	v, ok := f.get(name)
	if !ok {
		f.taken = append(f.taken, fmt.Sprintf("%s = %v", name, otherwise))
		return otherwise
	}
	t, ok := v.(T)
	if !ok {
		f.fail("field %q is %v of type %T, want a %T", name, v, v, otherwise)
	}
	return t
}

// quiet is value for a field whose absence says nothing.
func quiet[T any](f *fields, name string) T {
	var zero T
	if _, ok := f.get(name); !ok {
		return zero
	}
	return value(f, name, zero)
}

// size is a whole number that the file must give.
func (f *fields) size(name string) int {
	if _, ok := f.get(name); !ok {
		f.fail("field %q is missing", name)
		return 0
	}
	return f.whole(name, value(f, name, 0.0))
}

func (f *fields) whole(name string, v float64) int {
	if v != math.Trunc(v) || !(math.Abs(v) <= largestSize) {
		f.fail("field %q is %v, want a whole number", name, v)
		return 0
	}
	return int(v)
}

// sizes is a list of whole numbers; nil where there is none.
func (f *fields) sizes(name string) (out []int) {
	for _, v := range quiet[[]any](f, name) {
		n, ok := v.(float64)
		if !ok {
			f.fail("field %q holds %v, want whole numbers", name, v)
			return nil
		}
		out = append(out, f.whole(name, n))
	}
	return out
}

// must refuses a field that is there with another value: why says what it would mean.
func (f *fields) must(name string, want any, why string) {
	if v, ok := f.get(name); ok && v != want {
		f.fail("field %q = %v is not supported: %s", name, v, why)
	}
}

// sub is an object inside the file; an empty one where there is none.
func (f *fields) sub(name string) *fields { return newFields(quiet[map[string]any](f, name)) }

// ignore marks fields as read that no computation depends on, and returns those that are there.
func (f *fields) ignore(patterns ...string) map[string]any {
	found := make(map[string]any)
	for name, v := range f.values {
		if !f.read[name] && slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok }) {
			f.read[name], found[name] = true, v
		}
	}
	return found
}

// err is everything that was wrong, and every field that nobody has read.
func (f *fields) err() error {
	errs := f.errs
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if !f.read[name] {
			errs = append(errs, brief.Errorf("config: field %q = %v is not supported (it may change what is computed)", name, f.values[name]))
		}
	}
	return errors.Join(errs...)
}
