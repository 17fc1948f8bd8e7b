package examples_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/examples"
	"gopherlens/internal/golden"
)

// TestSave reads back what was saved, bit for bit, and merges it like any other.
func TestSave(t *testing.T) {
	m, contexts, _ := openModel(t, "gpt2", golden.PureGo(t))
	for name, c := range map[string]examples.Config{"everything": everything, "no floor": {Quantiles: 2, PerQuantile: 2, AllValues: true, Batch: 4}} {
		find := func(from, to int) *examples.Found {
			c.Rows = hooked.Range{From: from, To: to}
			return hooked.Must(examples.Find(t.Context(), m, contexts, c, measures(m)...))
		}
		whole := find(0, 0)
		var parts []*examples.Found
		for i, part := range []*examples.Found{find(0, 12), find(12, 0)} {
			path := filepath.Join(t.TempDir(), "part.safetensors")
			if err := part.Save(path); err != nil {
				t.Fatal(err)
			}
			read, err := examples.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(read, part) {
				t.Errorf("%s, part %d: read back otherwise", name, i)
			}
			parts = append(parts, read)
		}
		if !reflect.DeepEqual(hooked.Must(examples.Merge(parts...)), whole) {
			t.Errorf("%s: parts that were saved merge to something else than the whole", name)
		}
	}
}

// TestOpenRefuses tells files that are cut or foreign.
func TestOpenRefuses(t *testing.T) {
	m, contexts, _ := openModel(t, "gpt2", golden.PureGo(t))
	path := filepath.Join(t.TempDir(), "found.safetensors")
	if err := hooked.Must(examples.Find(t.Context(), m, contexts, everything, examples.Neurons(0))).Save(path); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"cut":     {whole[:len(whole)/2], "damaged or incomplete"},
		"empty":   {nil, "found.safetensors"},
		"version": {[]byte(strings.Replace(string(whole), `\"Version\":1`, `\"Version\":2`, 1)), "of version 2"},
		"counts":  {[]byte(strings.Replace(string(whole), `\"Top\":5,\"Bottom\":3,\"Sample\"`, `\"Top\":5,\"Bottom\":2,\"Sample\"`, 1)), "belong to no feature"},
	} {
		if err := os.WriteFile(path, c.content, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := examples.Open(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	if _, err := examples.Open("../testdata/cache"); err == nil {
		t.Error("a folder of something else was opened")
	}
	if err := hooked.WriteArrays(path, map[string]any{"row": []float32{1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := examples.Open(path); err == nil || !strings.Contains(err.Error(), "holds no examples") {
		t.Errorf("error %v, want one that says that there are no examples", err)
	}
}
