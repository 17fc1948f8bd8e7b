package tokenize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// ggufFile holds the metadata of a tokenizer that came from a GGUF file: [Tokenizer.Save] writes
// it.
const ggufFile = "tokenizer_gguf.json"

// A ggufEntry is a value of GGUF's metadata with its type, which JSON alone would lose. One field
// is set.
type ggufEntry struct {
	String  *string   `json:"string,omitempty"`
	Bool    *bool     `json:"bool,omitempty"`
	Int     *int64    `json:"int,omitempty"`
	Float   *float64  `json:"float,omitempty"`
	Strings []string  `json:"strings,omitempty"`
	Ints    []int64   `json:"ints,omitempty"`
	Floats  []float64 `json:"floats,omitempty"`
}

// saved is the metadata as [ggufFile] holds it.
func (g *ggufReader) saved() ([]byte, error) {
	entries := make(map[string]ggufEntry)
	for key, value := range g.metadata {
		if _, isChat := ggufChatName(key); !isChat && !strings.HasPrefix(key, ggufPrefix) {
			continue
		}
		entry, err := entryOf(reflect.ValueOf(value))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", brief(key), err)
		}
		entries[key] = entry
	}
	return json.Marshal(entries)
}

func entryOf(v reflect.Value) (ggufEntry, error) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch {
	case v.Kind() == reflect.String:
		s := v.String()
		return ggufEntry{String: &s}, nil
	case v.Kind() == reflect.Bool:
		b := v.Bool()
		return ggufEntry{Bool: &b}, nil
	case v.CanInt():
		i := v.Int()
		return ggufEntry{Int: &i}, nil
	case v.CanUint():
		i := int64(v.Uint())
		return ggufEntry{Int: &i}, nil
	case v.CanFloat():
		f := v.Float()
		return ggufEntry{Float: &f}, nil
	case v.Kind() != reflect.Slice:
		return ggufEntry{}, fmt.Errorf("a value of type %s is not known", v.Type())
	}
	var list ggufEntry
	for i := range v.Len() {
		one, err := entryOf(v.Index(i))
		switch {
		case err != nil:
			return list, err
		case one.String != nil:
			list.Strings = append(list.Strings, *one.String)
		case one.Int != nil:
			list.Ints = append(list.Ints, *one.Int)
		case one.Float != nil:
			list.Floats = append(list.Floats, *one.Float)
		default:
			return list, fmt.Errorf("a list of %s is not known", v.Type())
		}
	}
	return list, nil
}

func (e ggufEntry) value() any {
	switch {
	case e.String != nil:
		return *e.String
	case e.Bool != nil:
		return *e.Bool
	case e.Int != nil:
		return *e.Int
	case e.Float != nil:
		return *e.Float
	case e.Ints != nil:
		return e.Ints
	case e.Floats != nil:
		return e.Floats
	}
	return e.Strings
}

// parseGGUFFile makes a tokenizer of what saved has written.
func parseGGUFFile(data []byte) (*Tokenizer, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var entries map[string]ggufEntry
	if err := d.Decode(&entries); err != nil {
		return nil, briefError(err)
	}
	metadata := make(map[string]any, len(entries))
	for key, entry := range entries {
		metadata[key] = entry.value()
	}
	return FromGGUF(metadata)
}
