package hooked

import (
	"reflect"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
)

// The tensors in which llama.cpp writes rotary scaling, one factor a pair: Llama 3's, and
// LongRoPE's for long texts and short.
const (
	ropeFactors   = "rope_freqs.weight"
	longRopeLong  = "rope_factors_long.weight"
	longRopeShort = "rope_factors_short.weight"
)

// ggufConfig reads a GGUF file's family and configuration.
func ggufConfig(file *weights.File) (*architecture, Config, checkpointFields, error) {
	var none checkpointFields
	arch, f, err := ggufFields(file.Metadata())
	if err != nil {
		return nil, Config{}, none, err
	}
	if err := f.longFactors(file); err != nil {
		return nil, Config{}, none, err
	}
	for tensor, field := range arch.ggufTensors {
		_, err := file.Tensor(tensor)
		f.derive(field, err == nil || f.values[field] == true) // one of several tensors will do
	}
	cfg, said, err := arch.read(f)
	if err != nil {
		return nil, Config{}, none, err
	}
	if cfg.RotaryFactors, err = ggufFloats(file, ropeFactors); err != nil {
		return nil, Config{}, none, err
	}
	return arch, cfg, said, cfg.Validate()
}

// longFactors gives a file with LongRoPE's two tensors of factors the settings that config.json has
// for them: the tensors alone say that the angles are scaled so.
func (f *fields) longFactors(file *weights.File) error {
	for name, field := range map[string]string{longRopeLong: "long_factor", longRopeShort: "short_factor"} {
		factors, err := ggufFloats(file, name)
		if err != nil {
			return err
		}
		if factors == nil {
			continue
		}
		list := make([]any, len(factors))
		for i, v := range factors {
			list[i] = v
		}
		f.put("rope_scaling."+field, list)
		f.put("rope_scaling.rope_type", string(LongRope))
		if inside := f.values["rope_scaling"].(map[string]any); inside["attention_factor"] == nil {
			f.put("rope_scaling.attention_factor", 1.0)
		}
	}
	return nil
}

// ggufFloats are the values of a small tensor; nil if there is none.
func ggufFloats(file *weights.File, name string) ([]float64, error) {
	t, err := file.Tensor(name)
	if err != nil {
		return nil, nil
	}
	values, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out, nil
}

// ggufFields turns GGUF metadata into the fields of a config.json, so that one function per family
// reads both.
func ggufFields(metadata map[string]any) (*architecture, *fields, error) {
	name, ok := metadata["general.architecture"].(string)
	if !ok {
		return nil, nil, brief.Errorf("the GGUF file does not say its general.architecture")
	}
	told := func(a *architecture) bool { // apart, by its own key
		v, ok := metadata[name+"."+a.ggufWhen]
		return a.ggufWhen != "" && ok && plainJSON(v) != 0.0
	}
	arch, err := findArchitecture(func(a *architecture) bool { return a.gguf == name && told(a) }, name)
	if err != nil {
		arch, err = findArchitecture(func(a *architecture) bool { return a.gguf != "" && a.gguf == name && a.ggufWhen == "" }, name)
	}
	if err != nil {
		return nil, nil, err
	}
	f := newFields(make(map[string]any))
	f.gguf = true
	for key, value := range metadata {
		short, ours := strings.CutPrefix(key, name+".")
		if !ours {
			continue
		}
		field, known := arch.ggufKeys[short]
		switch {
		case known && field == ggufWindowsField:
			f.putWindows(value)
		case !known:
			f.values[key] = plainJSON(value) // left unread, it stops the load
		case field != "":
			f.put(field, plainJSON(value))
		}
	}
	for field, value := range arch.ggufFixed {
		f.values[field] = value
	}
	f.values["vocab_size"] = float64(reflectLen(metadata["tokenizer.ggml.tokens"]))
	return arch, f, nil
}

// ggufWindowsField is where [ggufFields] finds which layers have a window.
const ggufWindowsField = "layers with a window in GGUF"

// putWindows sets which layers have a window: a truth value for each, or every how many has none.
func (f *fields) putWindows(value any) {
	list := reflect.ValueOf(value)
	if list.Kind() != reflect.Slice {
		f.put("sliding_window_pattern", plainJSON(value))
		return
	}
	kinds := make([]any, list.Len())
	for i := range kinds {
		kinds[i] = "full_attention"
		if v := list.Index(i); reflect.DeepEqual(v.Interface(), true) {
			kinds[i] = "sliding_attention"
		}
	}
	f.put("layer_types", kinds)
}

// put sets a field; in "rope_scaling.factor" it is one of an object.
func (f *fields) put(name string, value any) {
	object, field, nested := strings.Cut(name, ".")
	if !nested {
		f.values[name] = value
		return
	}
	inner, ok := f.values[object].(map[string]any)
	if !ok {
		inner = make(map[string]any)
		f.values[object] = inner
	}
	inner[field] = value
}

// plainJSON is a GGUF value as JSON would give it: every number a float64.
func plainJSON(v any) any {
	r := reflect.ValueOf(v)
	switch {
	case !r.IsValid():
		return nil
	case r.CanInt():
		return float64(r.Int())
	case r.CanUint():
		return float64(r.Uint())
	case r.CanFloat():
		return r.Float()
	}
	return v
}

func reflectLen(v any) int {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		return r.Len()
	}
	return 0
}
