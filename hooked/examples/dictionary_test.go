package examples_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/examples"
	"gopherlens/internal/golden"
)

// TestDictionary finds the contexts on which the features of dictionaries peak: those of the
// activations that SAELens computes.
func TestDictionary(t *testing.T) {
	m := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	for _, name := range []string{"transcoder_mlp", "standard_z"} {
		dir := "../dictionary/testdata/saes/" + name
		d, file := hooked.Must(dictionary.Load(dir)), golden.Open(t, dir+"/golden.safetensors")
		contexts := hooked.Must(corpus.FromTokens(file.Ints("tokens")))
		acts, shape := file.Floats("feature_acts") // [batch, pos, feature]
		config := examples.Config{Top: 2, Batch: 3, Edits: []hooked.Option{dictionary.Splice(d)}}
		found := hooked.Must(examples.Find(t.Context(), m, contexts, config, examples.Entries(d.Acts())))
		if len(found.Features) != shape[2] {
			t.Fatalf("%s: %d features, want %d", name, len(found.Features), shape[2])
		}
		for f := range shape[2] {
			lines := make([][]float32, shape[0])
			for i := range shape[0] * shape[1] {
				lines[i/shape[1]] = append(lines[i/shape[1]], acts[i*shape[2]+f])
			}
			slices.SortStableFunc(lines, func(a, b []float32) int { return cmp.Compare(slices.Max(b), slices.Max(a)) })
			feature := hooked.Must(found.Feature(fmt.Sprintf("%s[%d]", d.Acts(), f)))
			for i, e := range feature.Top {
				golden.Close(t, feature.Label, e.Activations, lines[i], golden.Tolerance{Abs: 4e-5, Rel: 1e-4})
			}
		}
		_, err := examples.Find(t.Context(), m, contexts, examples.Config{Top: 1}, examples.Entries(d.Acts()))
		if err == nil || !strings.Contains(err.Error(), d.Acts()) {
			t.Errorf("%s without its splice: %v", name, err)
		}
	}
}
