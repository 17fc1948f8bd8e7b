package hooked

import (
	"fmt"
	"reflect"
	"strings"

	"gopherlens/internal/weights"
)

// ropeFactors is the tensor in which llama.cpp writes Llama 3's rotary scaling: one factor a pair.
const ropeFactors = "rope_freqs.weight"

// ggufConfig reads a GGUF file's family and configuration.
func ggufConfig(file *weights.File) (*architecture, Config, error) {
	arch, f, err := ggufFields(file.Metadata())
	if err != nil {
		return nil, Config{}, err
	}
	cfg, err := arch.read(f)
	if err != nil {
		return nil, Config{}, err
	}
	if t, err := file.Tensor(ropeFactors); err == nil {
		factors, err := t.Float32s()
		if err != nil {
			return nil, Config{}, err
		}
		for _, factor := range factors {
			cfg.RotaryFactors = append(cfg.RotaryFactors, float64(factor))
		}
	}
	return arch, cfg, cfg.Validate()
}

// ggufFields turns GGUF metadata into the fields of a config.json, so that one function per family reads both.
func ggufFields(metadata map[string]any) (*architecture, *fields, error) {
	name, ok := metadata["general.architecture"].(string)
	if !ok {
		return nil, nil, fmt.Errorf("the GGUF file does not say its general.architecture")
	}
	arch, err := findArchitecture(func(a *architecture) bool { return a.gguf != "" && a.gguf == name }, name)
	if err != nil {
		return nil, nil, err
	}
	f := newFields(make(map[string]any))
	for key, value := range metadata {
		short, ours := strings.CutPrefix(key, name+".")
		if !ours {
			continue
		}
		field, known := arch.ggufKeys[short]
		switch {
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
