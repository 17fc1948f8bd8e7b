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

// random are random transcoders of a model, which read a site whose vectors are normalized. Of the
// features those are active whose pre-activation, of variance 1, is above -bias.
func random(t testing.TB, m *hooked.Model, site string, features int, bias float32) *circuits.Transcoders {
	t.Helper()
	d := m.Config().DModel
	deviation := 1 / math.Sqrt(float64(d))
	var layers []*dictionary.Dictionary
	for l := range m.Config().NLayers {
		w := hooked.StateDict{"b_dec": hooked.NewArray(d), "b_enc": hooked.NewArray(features)}
		for i, name := range []string{"W_enc", "W_dec"} {
			shape := [][]int{{d, features}, {features, d}}[i]
			values := hooked.NewNormal(int64(2*l+i), "row column", shape...).Scale(deviation).Float32s()
			w[name] = &hooked.Array{Shape: shape, Data: values}
		}
		for i := range w["b_enc"].Data {
			w["b_enc"].Data[i] = bias
		}
		c := dictionary.Config{Kind: dictionary.Transcoder, DIn: d, DOut: d, Features: features,
			Hook: fmt.Sprintf("blocks.%d.%s", l, site), HookOut: fmt.Sprintf("blocks.%d.hook_mlp_out", l)}
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
	r := hooked.Must(circuits.Replace(m, random(t, m, "ln2.hook_normalized", 4*m.Config().DModel, -2.3)))
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
	logitsChange(t, g, 0, out, golden.Tolerance{Abs: 1e-3, Rel: 1e-3})
}
