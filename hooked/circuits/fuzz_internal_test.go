package circuits

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// What is read of a document is the same when it is written and read again.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"metadata": {"prompt_tokens": ["a"], "info": 3}, "nodes": [{"node_id": "E_1_0", "feature_type": "embedding", "x": [1]}], "links": [{"source": "E_1_0", "target": "E_1_0"}]}`))
	f.Add([]byte(`{"metadata": {"prompt_tokens": ["a"]}, "nodes": [{"node_id": "0_5_0", "feature_type": "cross layer transcoder", "feature": 1125899906842624}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "graph.json")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := ReadDocument(path)
		if err != nil {
			return
		}
		for _, n := range d.Nodes {
			if layer, feature, ok := n.Feature(); ok && paired(layer, feature) != n.Paired {
				t.Errorf("%d is taken apart into %d and %d", n.Paired, layer, feature)
			}
		}
		if err := d.Save(path); err != nil {
			t.Fatal(err)
		}
		again, err := ReadDocument(path)
		if err != nil {
			t.Fatal(err)
		}
		a, b := mustJSON(t, d), mustJSON(t, again)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s, and again %s", a, b)
		}
	})
}

func mustJSON(t *testing.T, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// No configuration is read in silence that has more than is known.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("model_kind: transcoder_set\nfeature_input_hook: a\nfeature_output_hook: b\ntranscoders: [x]\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), configFile)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if c, err := readConfig(path); err == nil && (c.Kind == "" || c.In == c.Out) {
			t.Errorf("%+v is read", c)
		}
	})
}
