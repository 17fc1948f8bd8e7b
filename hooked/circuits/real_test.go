package circuits_test

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/golden"
)

// random are random transcoders of a model, of whose features a hundredth is active.
func random(t testing.TB, m *hooked.Model, features int) *circuits.Transcoders {
	t.Helper()
	d := m.Config().DModel
	deviation := 1 / math.Sqrt(float64(d)) // so that pre-activations of normalized vectors have variance 1
	var layers []*dictionary.Dictionary
	for l := range m.Config().NLayers {
		w := hooked.StateDict{"b_dec": hooked.NewArray(d), "b_enc": hooked.NewArray(features)}
		for i, name := range []string{"W_enc", "W_dec"} {
			shape := [][]int{{d, features}, {features, d}}[i]
			values := hooked.NewNormal(int64(2*l+i), "row column", shape...).Scale(deviation).Float32s()
			w[name] = &hooked.Array{Shape: shape, Data: values}
		}
		for i := range w["b_enc"].Data {
			w["b_enc"].Data[i] = -2.3
		}
		c := dictionary.Config{Kind: dictionary.Transcoder, DIn: d, DOut: d, Features: features,
			Hook: fmt.Sprintf("blocks.%d.ln2.hook_normalized", l), HookOut: fmt.Sprintf("blocks.%d.hook_mlp_out", l)}
		layers = append(layers, hooked.Must(dictionary.New(c, w)))
	}
	return hooked.Must(circuits.PerLayer(layers...))
}

// A graph of 2,000 features of SmolLM2-135M, by transcoders of 4 times its width, takes minutes at
// most, and its edges are effects.
func TestRealGraph(t *testing.T) {
	if os.Getenv("GOPHERLENS_TEST_LONG") == "" {
		t.Skip("GOPHERLENS_TEST_LONG is not set: it runs SmolLM2-135M")
	}
	m := hooked.Must(hooked.FromPretrained("smollm2-135m", hooked.NoProcessing))
	r := hooked.Must(circuits.Replace(m, random(t, m, 4*m.Config().DModel)))
	const prompt = "The capital of the state containing Dallas is"
	start := time.Now()
	g := hooked.Must(r.Attribute(prompt, circuits.Options{MaxFeatures: 2000}))
	t.Logf("%v: %s", time.Since(start), g)
	if len(g.Selected) != 2000 {
		t.Fatalf("%d features, want 2000 of %d", len(g.Selected), len(g.Active))
	}
	source := g.Node(0)
	clamp := []circuits.Clamp{{Layer: source.Layer, Pos: source.Pos, Feature: source.Index}}
	out := hooked.Must(r.Intervene(prompt, clamp, circuits.InterveneOptions{Frozen: circuits.FrozenAll}))
	change := out.Logits.Sub(out.Clean)
	change = change.Shift(-float64(change.Mean().Item()))
	var got, want []float32
	for i, l := range g.Logits {
		got = append(got, change.At(l.Token).Item())
		want = append(want, float32(-g.Effect(0, g.Len()-len(g.Logits)+i)))
	}
	golden.Close(t, "the logits", got, want, golden.Tolerance{Abs: 1e-3, Rel: 1e-3})
}
