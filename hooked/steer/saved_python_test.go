package steer_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"gopherlens/hooked/steer"
	"gopherlens/internal/golden"
)

// pythonReader prints what Python's gguf finds in a control vector.
const pythonReader = `
import json, sys
from gguf import GGUFReader
reader = GGUFReader(sys.argv[1])
fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
print(json.dumps({"fields": fields, "tensors": {t.name: t.data.tolist() for t in reader.tensors}}))
`

// TestSavedInPython has Python's gguf read what Save has written, to the last bit.
func TestSavedInPython(t *testing.T) {
	python := golden.Python(t)
	path := filepath.Join(t.TempDir(), "vector.gguf")
	v := &steer.Vector{Model: "llama", Site: "hook_resid_post", Directions: map[int][]float32{1: {0.1, -2.5e-7, 3e30}, 3: {1. / 3, 0, -1}}}
	if err := v.Save(path); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", pythonReader, path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Fields  map[string]any
		Tensors map[string][]float32
	}
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"general.architecture": "controlvector", "controlvector.model_hint": "llama", "controlvector.layer_count": 2.} {
		if read.Fields[name] != want {
			t.Errorf("Python reads %s as %v, want %v", name, read.Fields[name], want)
		}
	}
	if len(read.Tensors) != 2 || !slices.Equal(read.Tensors["direction.1"], v.Directions[1]) || !slices.Equal(read.Tensors["direction.3"], v.Directions[3]) {
		t.Errorf("Python reads the directions %v, want %v", read.Tensors, v.Directions)
	}
}
