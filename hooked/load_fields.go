package hooked

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path"
	"reflect"
	"slices"

	"gopherlens/internal/brief"
)

// fields is a model's config.json. It notes which fields were read, so that what nobody read can be
// refused: a field that changes the forward pass and that we do not know would give wrong numbers
// in silence. What the file leaves out is the family's default, never "off".
type fields struct {
	values   map[string]any
	defaults map[string]any // what a field is that the file leaves out
	gguf     bool           // the values come out of a GGUF file's metadata

	ropeAliases map[string]RopeKind // kinds of rotary scaling that mean another in the family
	read        map[string]bool
	taken       map[string]any // the defaults that were read
	errs        []error
}

func newFields(values map[string]any) *fields {
	return &fields{values: values, read: make(map[string]bool), taken: make(map[string]any)}
}

// readConfigJSON reads a config.json.
func readConfigJSON(file string) (*fields, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("a model folder needs a config.json: %w", err)
	}
	var values map[string]any
	if err := json.Unmarshal(data, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return newFields(values), nil
}

// get is the field's value, or the family's default where the file leaves it out. A null is no
// value: the family says what it means, as a rule that the field follows from others.
func (f *fields) get(name string) (any, bool) {
	if v, ok := f.said(name); ok || f.has(name) {
		return v, ok
	}
	v, ok := f.defaults[name]
	if !ok || v == nil {
		return nil, false
	}
	f.taken[name] = v
	return plainJSON(v), true
}

// said is the value that the file itself gives; a null is none.
func (f *fields) said(name string) (any, bool) {
	f.read[name] = true
	v := f.values[name]
	return v, v != nil
}

// has reports whether the file has the field at all, be it null.
func (f *fields) has(name string) bool {
	_, ok := f.values[name]
	return ok
}

// derive puts beside the file's fields one that follows from them, for the conditions of rules.
func (f *fields) derive(name string, value bool) {
	f.values[name], f.read[name] = value, true
}

func (f *fields) fail(format string, args ...any) {
	f.errs = append(f.errs, brief.Errorf("config: "+format, args...))
}

// field is a field of type T, or otherwise where it has no value.
func field[T any](f *fields, name string, otherwise *T) T {
	v, ok := f.get(name)
	if !ok {
		if otherwise == nil {
			f.fail("field %q is missing", name)
			return *new(T)
		}
		return *otherwise
	}
	t, ok := v.(T)
	if !ok {
		f.fail("field %q is %v, %s, want %s", name, v, kindOf(v), kindOf(t))
	}
	return t
}

// kindOf is JSON's word for the type of a value.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a truth value"
	case float64:
		return "a number"
	case string:
		return "a text"
	case []any:
		return "a list"
	}
	return "an object"
}

func (f *fields) Float(name string) float64                { return field[float64](f, name, nil) }
func (f *fields) FloatOr(name string, def float64) float64 { return field(f, name, &def) }
func (f *fields) String(name string) string                { return field[string](f, name, nil) }
func (f *fields) StringOr(name, def string) string         { return field(f, name, &def) }
func (f *fields) Bool(name string) bool                    { return f.BoolOr(name, false) }
func (f *fields) BoolOr(name string, def bool) bool        { return field(f, name, &def) }

// Int is a size: a whole number, one at least.
func (f *fields) Int(name string) int { return f.size(name, f.Float(name)) }

// IntOr is a size that may be absent.
func (f *fields) IntOr(name string, def int) int {
	if _, ok := f.get(name); !ok {
		return def
	}
	return f.Int(name)
}

// CountOr is a whole number that may be absent.
func (f *fields) CountOr(name string, def int) int {
	return f.whole(name, f.FloatOr(name, float64(def)))
}

// Positive is a number above zero.
func (f *fields) Positive(name string) float64 {
	v := f.Float(name)
	if _, ok := f.get(name); ok && !(v > 0) {
		f.fail("field %q is %v, want a number above zero", name, v)
	}
	return v
}

// PositiveOr is a number above zero that may be absent.
func (f *fields) PositiveOr(name string, def float64) float64 {
	if _, ok := f.get(name); !ok {
		return def
	}
	return f.Positive(name)
}

// maxField bounds every size in a config, far above any model's: a larger one is a damaged file.
const maxField = 1 << 31

func (f *fields) size(name string, v float64) int {
	n := f.whole(name, v)
	if _, ok := f.get(name); ok && n < 1 && v == float64(n) {
		f.fail("field %q is %d, want 1 or more", name, n)
	}
	return n
}

func (f *fields) whole(name string, v float64) int {
	if v != math.Trunc(v) || !(math.Abs(v) <= maxField) {
		f.fail("field %q is %v, want a whole number", name, v)
		return 0
	}
	return int(v)
}

// activationNames are Hugging Face's names where they differ from TransformerLens'.
var activationNames = map[string]Activation{"swish": SiLU, "gelu_python": GELU}

// Activation reads the name of an activation function.
func (f *fields) Activation(name string) Activation {
	s := f.String(name)
	a, ok := activationNames[s]
	if !ok {
		a = Activation(s)
	}
	if s != "" && !a.known() {
		f.fail("field %q: activation %q is not supported; known: %v", name, s, Activations())
	}
	return a
}

// Strings reads a list of strings; nil where it is absent.
func (f *fields) Strings(name string) []string {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		f.fail("field %q is %v, want a list", name, v)
		return nil
	}
	out := make([]string, len(list))
	for i, item := range list {
		if out[i], ok = item.(string); !ok {
			f.fail("field %q: entry %d is %v, want a string", name, i, item)
		}
	}
	return out
}

// anyOf is the one of several spellings of a field that the file has, the first of all if it has
// none. Two that contradict each other are refused.
func (f *fields) anyOf(names ...string) string {
	found := ""
	for _, name := range names {
		v, ok := f.said(name)
		switch {
		case ok && found == "":
			found = name
		case ok && !reflect.DeepEqual(v, f.values[found]):
			f.fail("field %q is %v and field %q, another name of it, is %v", found, f.values[found], name, v)
		}
	}
	return cmp.Or(found, names[0])
}

// rename gives the fields that the file calls by another name the name that the family's reader
// uses.
func (f *fields) rename(aliases map[string]string) {
	for _, alias := range slices.Sorted(maps.Keys(aliases)) {
		v, ok := f.values[alias]
		if !ok {
			continue
		}
		name := aliases[alias]
		if f.has(name) {
			f.anyOf(name, alias)
			continue
		}
		delete(f.values, alias)
		f.values[name] = v
	}
}

// want refuses a field that is there and has none of the values that the family's forward pass
// knows.
func (f *fields) want(name string, known ...any) {
	if v, ok := f.get(name); ok && !slices.Contains(known, v) {
		f.fail("field %q = %v is not supported; known: %v", name, v, known)
	}
}

// layerKinds are Hugging Face's names of [AttentionKind] in layer_types and attention_types.
var layerKinds = map[string]AttentionKind{"full_attention": GlobalAttention, "sliding_attention": LocalAttention,
	"global": GlobalAttention, "local": LocalAttention}

// attnTypes reads which layers attend to a window only from a list with one entry a layer. Where
// the list is absent the family's rule says it.
func (f *fields) attnTypes(c *Config, name string, rule func(layer int) AttentionKind) {
	kinds := f.Strings(name)
	if kinds == nil && c.NLayers > 0 && c.NLayers <= maxLayers {
		for l := range c.NLayers {
			c.AttnTypes = append(c.AttnTypes, rule(l))
		}
	}
	if kinds != nil && len(kinds) != c.NLayers {
		f.fail("field %q has %d entries for %d layers", name, len(kinds), c.NLayers)
	}
	for _, kind := range kinds {
		if layerKinds[kind] == "" {
			f.fail("field %q: attention of type %q is not supported", name, kind)
		}
		c.AttnTypes = append(c.AttnTypes, layerKinds[kind])
	}
	if !slices.Contains(c.AttnTypes, LocalAttention) {
		c.AttnTypes, c.WindowSize = nil, 0 // so that the ways of saying that all are global are one
	}
}

// sub is an object inside the config, read by the same rules; nil where it is absent.
func (f *fields) sub(name string) *fields {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	object, ok := v.(map[string]any)
	if !ok {
		f.fail("field %q is %v, want an object", name, v)
		return nil
	}
	return newFields(object)
}

// keyValueHeads is the number of key-value heads, or 0, as many as there are heads, where the file
// and the family do not say it.
func (f *fields) keyValueHeads() int { return f.IntOr("num_key_value_heads", 0) }

// headWidth is the width of a head: d_model over the heads, unless the file or the family says
// otherwise.
func (f *fields) headWidth(c Config) int {
	width := f.IntOr("head_dim", quotient(c.DModel, c.NHeads))
	f.want(ggufValueField, float64(width)) // keys and values are equally wide in every family here
	return width
}

// adopt takes over the complaints of a sub-object, which must have been read in full.
func (f *fields) adopt(name string, sub *fields) { f.adoptBut(name, sub, nil) }

// adoptBut is adopt for a sub-object in which some fields change nothing.
func (f *fields) adoptBut(name string, sub *fields, ignored []string) {
	f.errs = append(f.errs, sub.errs...)
	for _, unread := range sub.unread(ignored) {
		f.fail("field %q of %q = %v is not supported", unread, name, sub.values[unread])
	}
}

// unread are the fields that nobody read, nobody ignores, and that are not null, false, zero or
// empty.
func (f *fields) unread(ignored []string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		isIgnored := slices.ContainsFunc(ignored, func(pattern string) bool {
			ok, _ := path.Match(pattern, name)
			return ok
		})
		if !f.read[name] && !isIgnored && !atDefault(f.values[name]) {
			names = append(names, name)
		}
	}
	return names
}

func atDefault(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case float64:
		return v == 0
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// err is everything that was wrong with the config, and every field that was not understood.
func (f *fields) err(ignored []string) error {
	errs := f.errs
	for _, name := range f.unread(ignored) {
		errs = append(errs, brief.Errorf("config: field %q = %v is not supported (it may change the forward pass)", name, f.values[name]))
	}
	return errors.Join(errs...)
}

// quotient is a/b, or 0 where b is: the error about b comes from Validate.
func quotient(a, b int) int {
	if b == 0 {
		return 0
	}
	return a / b
}
