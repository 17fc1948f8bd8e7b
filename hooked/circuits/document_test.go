package circuits_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/internal/golden"
)

// The JSON that Neuronpedia reads is circuit-tracer's, field by field.
func TestDocument(t *testing.T) {
	for _, name := range fixtures {
		t.Run(name, func(t *testing.T) {
			f := openFixture(t, name, golden.PureGo(t))
			g := f.graph(circuits.Options{MaxTargets: f.MaxLogits, Probability: f.Prob})
			f.spell(g)
			doc := hooked.Must(hooked.Must(g.Prune(circuits.NodeThreshold, circuits.EdgeThreshold)).Document(name))
			if f.Model == "gemma2" {
				doc.Metadata.Prompt = strings.Join(g.Texts, " ")
			}
			path := filepath.Join(t.TempDir(), "graph.json")
			if err := doc.Save(path); err != nil {
				t.Fatal(err)
			}
			sameJSON(t, name, read(t, path), read(t, filepath.Join("testdata", name, "graph.json")), f.tolerance())
			again := hooked.Must(circuits.ReadDocument(path))
			if !reflect.DeepEqual(doc, again) {
				t.Error("the document is another when it is read again")
			}
		})
	}
}

// spell gives tokens the names that they have in the fixtures of a model without tokenizer.
func (f *fixture) spell(g *circuits.Graph) {
	if f.Model != "gemma2" {
		return
	}
	for i, token := range g.Tokens {
		g.Texts[i] = fmt.Sprintf("t%d", token)
	}
	for i := range g.Logits {
		g.Logits[i].Text = fmt.Sprintf("t%d", g.Logits[i].Token)
	}
}

func read(t *testing.T, path string) (v any) {
	t.Helper()
	golden.JSON(t, path, &v)
	return v
}

// sameJSON compares values of JSON, numbers within a tolerance.
func sameJSON(t *testing.T, at string, got, want any, tol golden.Tolerance) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		if len(got) != len(want) {
			t.Errorf("%s: %d fields, want %d", at, len(got), len(want))
		}
		for name, v := range want {
			sameJSON(t, at+"."+name, got[name], v, tol)
		}
	case []any:
		got, _ := got.([]any)
		if len(got) != len(want) {
			t.Fatalf("%s: %d entries, want %d", at, len(got), len(want))
		}
		for i, v := range want {
			sameJSON(t, at+"[]", got[i], v, tol)
		}
	case float64:
		got, ok := got.(float64)
		if !ok {
			t.Errorf("%s: no number", at)
			return
		}
		golden.Close(t, at, []float32{float32(got)}, []float32{float32(want)}, tol)
	default:
		if got != want {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
}

// What only others write into a document is kept.
func TestForeignFields(t *testing.T) {
	text, err := os.ReadFile("testdata/llama_clt/graph.json")
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(text), `"slug"`, `"info": {"creator": "somebody"}, "slug"`, 1)
	with = strings.Replace(with, `"node_id"`, `"ppClerp": "cats", "node_id"`, 1)
	path := filepath.Join(t.TempDir(), "graph.json")
	if err := os.WriteFile(path, []byte(with), 0o644); err != nil {
		t.Fatal(err)
	}
	doc := hooked.Must(circuits.ReadDocument(path))
	if err := doc.Save(path); err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal([]byte(with), &want); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); !reflect.DeepEqual(got, want) {
		t.Error("the document is another when it is written again")
	}
	layer, feature, ok := doc.Nodes[0].Feature()
	if layer != 0 || feature != 0 || !ok {
		t.Errorf("feature %d of layer %d, want 0 of layer 0", feature, layer)
	}
}

// Files that are no graphs are refused.
func TestBadDocuments(t *testing.T) {
	const prompt = `"metadata": {"prompt_tokens": ["a", "b"]}`
	node := func(fields string) string {
		return `{` + prompt + `, "nodes": [{"node_id": "E_1_0", "feature_type": "embedding", "ctx_idx": 0}, {` + fields + `}], "links": [{"source": "E_1_0", "target": "5_1_1"}]}`
	}
	for text, want := range map[string]string{
		`[]`:               "cannot unmarshal",
		`{` + prompt + `}`: "no nodes",
		node(`"feature_type": "logit", "ctx_idx": 1`):                       "node 1 has no node_id",
		node(`"node_id": "5_1_1", "feature_type": "head"`):                  `of type "head"`,
		node(`"node_id": "5_1_1", "feature_type": "logit", "ctx_idx": 2`):   "position 2 of a prompt with 2 tokens",
		node(`"node_id": "5_1_2", "feature_type": "logit", "ctx_idx": 1`):   `leads from "E_1_0" to "5_1_1"`,
		node(`"node_id": "5_1_1", "feature_type": "logit", "ctx_idx": "1"`): "ctx_idx",
	} {
		path := filepath.Join(t.TempDir(), "graph.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := circuits.ReadDocument(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", text, err, want)
		}
	}
}
