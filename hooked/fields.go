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
	"slices"
)

// fields is a model's config.json. It notes which fields were read, so that what nobody read can be refused: a
// field that changes the forward pass and that we do not know would give wrong numbers in silence.
type fields struct {
	values map[string]any
	read   map[string]bool
	errs   []error
}

func newFields(values map[string]any) *fields {
	return &fields{values: values, read: make(map[string]bool)}
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

// get is the field's value; null counts as absent.
func (f *fields) get(name string) (any, bool) {
	f.read[name] = true
	v, ok := f.values[name]
	return v, ok && v != nil
}

func (f *fields) fail(format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("config: "+format, args...))
}

// field is a field of type T, or otherwise where it is absent.
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
		f.fail("field %q is %v (%T), want %T", name, v, v, t)
	}
	return t
}

func (f *fields) Float(name string) float64                { return field[float64](f, name, nil) }
func (f *fields) FloatOr(name string, def float64) float64 { return field(f, name, &def) }
func (f *fields) String(name string) string                { return field[string](f, name, nil) }
func (f *fields) StringOr(name, def string) string         { return field(f, name, &def) }
func (f *fields) Bool(name string) bool                    { return f.BoolOr(name, false) }
func (f *fields) BoolOr(name string, def bool) bool        { return field(f, name, &def) }
func (f *fields) Int(name string) int                      { return f.whole(name, f.Float(name)) }
func (f *fields) IntOr(name string, def int) int           { return f.whole(name, f.FloatOr(name, float64(def))) }

// maxField bounds every size in a config, far above any model's: a larger one is a damaged file.
const maxField = 1 << 31

func (f *fields) whole(name string, v float64) int {
	if v != math.Trunc(v) || math.Abs(v) > maxField {
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

// anyOf is the first of several spellings of a field that the file has; the first of all if it has none.
func (f *fields) anyOf(names ...string) string {
	found := names[0]
	for _, name := range slices.Backward(names) {
		if _, ok := f.get(name); ok {
			found = name
		}
	}
	return found
}

// want refuses a field that is there and has none of the values that the family's forward pass knows.
func (f *fields) want(name string, known ...any) {
	if v, ok := f.get(name); ok && !slices.Contains(known, v) {
		f.fail("field %q = %v is not supported; known: %v", name, v, known)
	}
}

// layerKinds are Hugging Face's names of [AttentionKind] in layer_types and attention_types.
var layerKinds = map[string]AttentionKind{"full_attention": GlobalAttention, "sliding_attention": LocalAttention,
	"global": GlobalAttention, "local": LocalAttention}

// attnTypes reads which layers attend to a window only from a list with one entry a layer. Where the list is absent the
// family's rule says it.
func (f *fields) attnTypes(c *Config, name string, rule func(layer int) AttentionKind) {
	kinds := f.Strings(name)
	if kinds == nil && c.NLayers > 0 && c.NLayers <= maxLayers {
		for l := range c.NLayers {
			c.AttnTypes = append(c.AttnTypes, rule(l))
		}
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

// rope reads the rotary settings, in the newer spelling (rope_parameters) or the older (rope_theta and rope_scaling).
func (f *fields) rope(c *Config) {
	c.RotaryBase = f.FloatOr("rope_theta", cmp.Or(c.RotaryBase, 10000))
	for _, name := range []string{"rope_parameters", "rope_scaling"} {
		if r := f.sub(name); r != nil {
			r.ropeScaling(c)
			f.adopt(name, r)
		}
	}
	f.rotaryShare(c)
}

// rotaryShare reads how much of a head is turned.
func (f *fields) rotaryShare(c *Config) {
	share := f.FloatOr("partial_rotary_factor", 0)
	switch {
	case share < 0 || share > 1:
		f.fail("field \"partial_rotary_factor\" is %v, want a share between 0 and 1", share)
	case share > 0:
		c.RotaryDim = int(share * float64(c.DHead))
	}
}

func (r *fields) ropeScaling(c *Config) {
	c.RotaryBase = r.FloatOr("rope_theta", c.RotaryBase)
	r.rotaryShare(c)
	switch kind := r.StringOr("rope_type", r.StringOr("type", "default")); kind {
	case "default", "none":
	case "linear":
		c.RotaryLinearFactor = r.Float("factor")
	case "llama3":
		c.RotaryScaling = &RopeScaling{
			Factor:          r.Float("factor"),
			LowFreqFactor:   r.Float("low_freq_factor"),
			HighFreqFactor:  r.Float("high_freq_factor"),
			OriginalContext: r.Int("original_max_position_embeddings"),
		}
	default:
		r.fail("rotary scaling of type %q is not supported; known: default, linear, llama3", kind)
	}
	r.read["type"] = true
}

// adopt takes over the complaints of a sub-object, which must have been read in full.
func (f *fields) adopt(name string, sub *fields) {
	f.errs = append(f.errs, sub.errs...)
	for _, unread := range sub.unread(nil) {
		f.fail("field %q of %q = %v is not supported", unread, name, sub.values[unread])
	}
}

// unread are the fields that nobody read, nobody ignores, and that are not null, false, zero or empty.
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
		errs = append(errs, fmt.Errorf("config: field %q = %v is not supported (it may change the forward pass)", name, f.values[name]))
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
