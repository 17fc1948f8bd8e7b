package dashboard_test

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/circuits"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dashboard"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/examples"
	"gopherlens/internal/golden"
	"gopherlens/internal/zeros"
	"gopherlens/plots"
	_ "gopherlens/xla"
)

// subject is a fixture's dictionary with its model, rows and the activations that SAELens computes.
type subject struct {
	m        *hooked.Model
	d        *dictionary.Dictionary
	contexts corpus.Contexts
	tokens   [][]int
	acts     []float32 // [row, pos, feature]
}

func newSubject(t testing.TB, name string) subject {
	t.Helper()
	dir := "../dictionary/testdata/saes/" + name
	file := golden.Open(t, dir+"/golden.safetensors")
	s := subject{m: hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})),
		d: hooked.Must(dictionary.Load(dir)), tokens: file.Ints("tokens")}
	s.contexts = hooked.Must(corpus.FromTokens(s.tokens))
	s.acts, _ = file.Floats("feature_acts")
	return s
}

// everywhere keeps examples of every row, at all positions.
var everywhere = examples.Config{Top: 3, Histogram: true, Quantiles: 2, PerQuantile: 2}

// pageFeatures are what a page holds of each feature, by its number.
func pageFeatures(t *testing.T, path string) (words []any, features map[int]map[string]any) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var details []map[string]any
	var index struct {
		Words []any
		Index struct{ Number []int }
	}
	for _, part := range strings.Split(string(page), "<script")[1:] {
		body, _, _ := strings.Cut(part, "</script>")
		if text, ok := strings.CutPrefix(body, ` type="application/json">`); ok {
			if err := json.Unmarshal([]byte(text), &index); err != nil {
				t.Fatal(err)
			}
		}
		if text, ok := strings.CutPrefix(body, ` type="application/octet-stream">`); ok {
			packed := hooked.Must(base64.StdEncoding.DecodeString(text))
			var chunk []map[string]any
			if err := json.Unmarshal(hooked.Must(io.ReadAll(flate.NewReader(bytes.NewReader(packed)))), &chunk); err != nil {
				t.Fatal(err)
			}
			details = append(details, chunk...)
		}
	}
	features = make(map[int]map[string]any)
	for i, n := range index.Index.Number {
		features[n] = details[i]
	}
	return index.Words, features
}

func first(id int, _ bool) int { return id }

// TestFeature finds what SAELens' activations say: density, histogram and strongest examples of
// every feature, of every kind that a page must take.
func TestFeature(t *testing.T) {
	for _, name := range []string{"transcoder_mlp", "standard_z", "standard_constnorm_resid"} {
		s := newSubject(t, name)
		found, err := dashboard.Find(t.Context(), s.m, s.d, s.contexts, everywhere)
		if err != nil {
			t.Fatal(err)
		}
		n, length, rows := s.d.Config.Features, len(s.tokens[0]), len(s.tokens)
		skip := 0
		if tok := hooked.Must(s.m.Tokenizer()); s.tokens[0][0] == first(tok.BOS()) {
			skip = 1
		}
		for f := range n {
			data, err := dashboard.Feature(s.m, s.d, found, f)
			if err != nil {
				t.Fatal(err)
			}
			active, largest := 0, float32(0)
			for i := f; i < len(s.acts); i += n {
				if i/n%length < skip {
					continue
				}
				if s.acts[i] > 1e-6 {
					active++
				}
				largest = max(largest, s.acts[i])
			}
			if want := float64(active) / float64(rows*(length-skip)); data.Number != f || data.Density != want {
				t.Fatalf("%s: feature %d is number %d with density %v, want %v", name, f, data.Number, data.Density, want)
			}
			counted := 0
			for _, c := range data.Counts {
				counted += c
			}
			if counted != active || (active > 0) != (len(data.Groups) > 0) {
				t.Errorf("%s: feature %d is active at %d positions, its histogram has %d, and there are %d groups", name, f, active, counted, len(data.Groups))
			}
			if active > 0 {
				_, tokens, values := data.Groups[0].Texts.Text(0)
				golden.Close(t, name, []float32{slices.Max(values[skip:])}, []float32{largest}, golden.Tolerance{Abs: 4e-5, Rel: 1e-4})
				if len(tokens) != length {
					t.Errorf("%s: an example has %d tokens, want %d", name, len(tokens), length)
				}
			}
			if len(data.Up) != 10 || len(data.Down) != 10 || data.Up[0].Value < data.Up[9].Value || data.Down[0].Value > data.Down[9].Value {
				t.Errorf("%s: feature %d raises %v and lowers %v", name, f, data.Up, data.Down)
			}
			if err := plots.Feature(data, plots.Axes{}).Err(); err != nil {
				t.Errorf("%s: feature %d: %v", name, f, err)
			}
		}
	}
}

// TestPage has on a page what the figures have, whether it was found in contexts, in a store, or
// opened again.
func TestPage(t *testing.T) {
	s := newSubject(t, "transcoder_mlp")
	dir := t.TempDir()
	steps := map[string]int{}
	c := dashboard.Config{Examples: everywhere, Title: "Transcoder", Names: map[int]string{7: "something"},
		Progress: func(step string, done, of int) { steps[step] = done }}
	found, err := dashboard.WritePage(t.Context(), filepath.Join(dir, "page.html"), s.m, s.d, s.contexts, c)
	if err != nil {
		t.Fatal(err)
	}
	n := s.d.Config.Features
	if steps["contexts"] != len(s.tokens) || steps["features"] != n {
		t.Errorf("progress ended at %v", steps)
	}
	words, features := pageFeatures(t, filepath.Join(dir, "page.html"))
	if len(features) != n {
		t.Fatalf("the page has %d features, want %d", len(features), n)
	}
	for f, got := range features {
		want := hooked.Must(dashboard.Feature(s.m, s.d, found, f))
		if len(want.Groups) > 0 {
			label, tokens, _ := want.Groups[0].Texts.Text(0)
			text := got["Groups"].([]any)[0].(map[string]any)["Texts"].([]any)[0].([]any)
			if text[0] != label || len(text[1].([]any)) != len(tokens) {
				t.Errorf("feature %d: the first example is %v, want %q", f, text[0], label)
			}
		}
		for k, r := range want.Up {
			one := got["Up"].([]any)[k].([]any)
			word := words[int(one[0].(float64))].(string)
			if unicode.IsLetter([]rune(r.Token)[0]) && word != r.Token { // what is no letter is written visibly
				t.Errorf("feature %d raises %q, want %q", f, word, r.Token)
			}
			if v := one[1].(float64); math.Abs(v-r.Value) > 1e-3*math.Abs(r.Value) {
				t.Errorf("feature %d raises %q by %v, want %v", f, word, v, r.Value)
			}
		}
	}
	if err := found.Save(filepath.Join(dir, "found.safetensors")); err != nil {
		t.Fatal(err)
	}
	store := hooked.Must(activations.Harvest(t.Context(), s.m, s.contexts, activations.Config{Folder: filepath.Join(dir, "store"), Sites: s.d.Config.Hook}))
	defer store.Close()
	for name, again := range map[string]*examples.Found{
		"opened": hooked.Must(examples.Open(filepath.Join(dir, "found.safetensors"))),
		"stored": hooked.Must(dashboard.FindStored(t.Context(), s.d, store, everywhere)),
	} {
		path := filepath.Join(dir, name+".html")
		if err := dashboard.WriteFound(t.Context(), path, s.m, s.d, again, dashboard.Config{Title: "Transcoder", Names: map[int]string{7: "something"}}); err != nil {
			t.Fatal(err)
		}
		if name == "opened" && !bytes.Equal(hooked.Must(os.ReadFile(path)), hooked.Must(os.ReadFile(filepath.Join(dir, "page.html")))) {
			t.Error("the page of what was saved and opened is another")
		}
		if _, same := pageFeatures(t, path); len(same) != n {
			t.Errorf("%s: %d features", name, len(same))
		}
	}
}

// TestSomeFeatures are found under their own numbers.
func TestSomeFeatures(t *testing.T) {
	s := newSubject(t, "transcoder_mlp")
	whole := hooked.Must(dashboard.Find(t.Context(), s.m, s.d, s.contexts, everywhere))
	some := hooked.Must(dashboard.Find(t.Context(), s.m, s.d, s.contexts, everywhere, 91, 7))
	if len(some.Features) != 2 {
		t.Fatalf("%d features", len(some.Features))
	}
	for _, f := range some.Features {
		if want := hooked.Must(whole.Feature(f.Label)); f.Active != want.Active || f.Top[0].Row != want.Top[0].Row || f.Top[0].Value != want.Top[0].Value {
			t.Errorf("%s differs alone: %v, want %v", f.Label, f.Top[0], want.Top[0])
		}
	}
	if _, err := dashboard.Feature(s.m, s.d, some, 8); err == nil || !strings.Contains(err.Error(), "[8]") {
		t.Errorf("a feature that was not found: %v", err)
	}
}

// TestNodes knows the features that were found, and leaves an error to the figure.
func TestNodes(t *testing.T) {
	s := newSubject(t, "transcoder_mlp")
	found := hooked.Must(dashboard.Find(t.Context(), s.m, s.d, s.contexts, everywhere, 91))
	nodes := dashboard.Nodes(s.m, map[int]dashboard.Layer{1: {s.d, found}})
	for _, c := range []struct {
		layer, feature int
		known          bool
	}{{1, 91, true}, {1, 90, false}, {0, 91, false}} {
		if data, ok := nodes(c.layer, c.feature); ok != c.known || ok && (data.Number != 91 || len(data.Groups) == 0) {
			t.Errorf("feature %d of layer %d: %v, known %v", c.feature, c.layer, data, ok)
		}
	}
	document := []byte(`{"metadata": {"prompt_tokens": ["a"]}, "links": [],
		"nodes": [{"node_id": "1_91_0", "layer": "1", "ctx_idx": 0, "feature_type": "cross layer transcoder"}]}`)
	if err := plots.AttributionGraph(document, nodes, plots.Axes{}).Err(); err != nil {
		t.Error(err)
	}
	broken := dashboard.Nodes(nil, map[int]dashboard.Layer{1: {s.d, found}})
	if err := plots.AttributionGraph(document, broken, plots.Axes{}).Err(); err == nil || !strings.Contains(err.Error(), "model is nil") {
		t.Errorf("without a model: %v", err)
	}
}

// TestDocument draws a document of package circuits as the JSON that it was read from.
func TestDocument(t *testing.T) {
	const path = "../../plots/testdata/graph.json"
	doc := hooked.Must(circuits.ReadDocument(path))
	got := hooked.Must(plots.AttributionGraph(doc, nil, plots.Axes{}).HTML())
	want := hooked.Must(plots.AttributionGraph(hooked.Must(os.ReadFile(path)), nil, plots.Axes{}).HTML())
	// the page keeps the document as it was written: fields in its order, numbers with its digits
	head := func(page []byte) string { before, _, _ := strings.Cut(string(page), `"Document":`); return before }
	if head(got) != head(want) {
		t.Error("the document is drawn otherwise than its file")
	}
}

// TestRefuses names what is wrong before the contexts are read; an interruption leaves no file.
func TestRefuses(t *testing.T) {
	s := newSubject(t, "transcoder_mlp")
	found := hooked.Must(dashboard.Find(t.Context(), s.m, s.d, s.contexts, everywhere, 7))
	other := newSubject(t, "standard_z")
	path := filepath.Join(t.TempDir(), "page.html")
	page := func(path string, c dashboard.Config) error {
		_, err := dashboard.WritePage(t.Context(), path, s.m, s.d, s.contexts, c)
		return err
	}
	for want, err := range map[string]error{
		"path is empty":        page("", dashboard.Config{}),
		"there is no feature":  page(path, dashboard.Config{Features: []int{-1}}),
		"Config.Words is -1":   page(path, dashboard.Config{Words: -1}),
		"Progress would do no": page(path, dashboard.Config{Examples: examples.Config{Progress: func(int) {}}}),
		"k is 1000000":         page(path, dashboard.Config{Words: 1_000_000}),
		"that is done":         dashboard.WriteFound(t.Context(), path, s.m, s.d, found, dashboard.Config{Features: []int{7}}),
		"no feature of this":   dashboard.WriteFound(t.Context(), path, s.m, other.d, found, dashboard.Config{}),
		"nothing was found":    dashboard.WriteFound(t.Context(), path, s.m, s.d, nil, dashboard.Config{}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	c := dashboard.Config{Progress: func(step string, done, of int) { cancel() }}
	if err := dashboard.WriteFound(ended, path, s.m, s.d, hooked.Must(dashboard.Find(t.Context(), s.m, s.d, s.contexts, everywhere)), c); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a page that was not finished lies there: %v", err)
	}
}

// TestZeros calls the package with what a failed step has left.
func TestZeros(t *testing.T) {
	zeros.CallFunctions(t, map[string]any{"Find": dashboard.Find, "FindStored": dashboard.FindStored, "Feature": dashboard.Feature,
		"Nodes": dashboard.Nodes, "WritePage": dashboard.WritePage, "WriteFound": dashboard.WriteFound})
}

// What one feature reads and writes, as a figure; the model here is a random one.
func Example() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing))
	d := hooked.Must(dictionary.Load("../dictionary/testdata/saes/transcoder_mlp"))
	contexts := hooked.Must(corpus.FromTokens([][]int{{5, 1, 4}, {2, 6, 5}, {3, 1, 9}, {7, 3, 1}}))
	found := hooked.Must(dashboard.Find(context.Background(), model, d, contexts, examples.Config{}, 91, 7))
	feature := hooked.Must(dashboard.Feature(model, d, found, 91))
	fmt.Printf("feature %d is active at %.0f %% of the positions\n", feature.Number, 100*feature.Density)
	fmt.Println(plots.Feature(feature, plots.Axes{Unit: "activation"}).Err())
	// Output:
	// feature 91 is active at 42 % of the positions
	// <nil>
}
