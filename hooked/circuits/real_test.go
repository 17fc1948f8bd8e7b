package circuits_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/hooked/dictionary"
)

// random are random transcoders for a model, of which few features are active.
func random(t testing.TB, m *hooked.Model, features int, bias float32) *circuits.Transcoders {
	t.Helper()
	var layers []*dictionary.Dictionary
	d := m.Config().DModel
	for l := range m.Config().NLayers {
		w := hooked.StateDict{}
		for name, shape := range map[string][]int{"W_enc": {d, features}, "W_dec": {features, d}} {
			w[name] = &hooked.Array{Shape: shape, Data: hooked.NewNormal(int64(2*l+len(name)), "a b", shape...).Scale(0.04).Float32s()}
		}
		w["b_dec"], w["b_enc"] = hooked.NewArray(d), hooked.NewArray(features)
		for i := range w["b_enc"].Data {
			w["b_enc"].Data[i] = bias
		}
		c := dictionary.Config{Kind: dictionary.Transcoder, DIn: d, DOut: d, Features: features,
			Hook: fmt.Sprintf("blocks.%d.ln2.hook_normalized", l), HookOut: fmt.Sprintf("blocks.%d.hook_mlp_out", l)}
		layers = append(layers, hooked.Must(dictionary.New(c, w)))
	}
	return hooked.Must(circuits.PerLayer(layers...))
}

func TestSpeed(t *testing.T) {
	path := os.Getenv("CIRCUITS_SPEED")
	if path == "" {
		t.Skip()
	}
	m := hooked.Must(hooked.FromPretrained("smollm2-135m", hooked.NoProcessing))
	set := random(t, m, 4*m.Config().DModel, -2.2)
	r := hooked.Must(circuits.Replace(m, set))
	for range 2 {
		start := time.Now()
		g := hooked.Must(r.Attribute("The capital of the state containing Dallas is", circuits.Options{MaxFeatures: 2000, Progress: func(done, total int) {
			if done%512 == 0 {
				t.Logf("%v: %d of %d", time.Since(start), done, total)
			}
		}}))
		t.Logf("%v: %s", time.Since(start), g)
		p := hooked.Must(g.Prune(0.8, 0.98))
		nodes, edges := p.Count()
		t.Logf("%v: pruned to %d nodes and %d edges", time.Since(start), nodes, edges)
		doc := hooked.Must(p.Document("random"))
		if err := doc.Save(filepath.Join(path, "random.json")); err != nil {
			t.Fatal(err)
		}
	}
}
