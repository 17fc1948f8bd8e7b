package circuits_test

import (
	"math"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/internal/golden"
)

// The neurons of a ReLU MLP are transcoders that lack nothing: no graph has anything else to say
// what it should come to.
func TestNeurons(t *testing.T) {
	m := hooked.Must(hooked.FromPretrained("../testdata/arch/opt", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	set := hooked.Must(circuits.Neurons(m))
	r := hooked.Must(circuits.Replace(m, set))
	g := hooked.Must(r.Attribute(hooked.Tokens{{2, 9, 33, 51, 7, 20}}))
	if len(g.Active) == 0 {
		t.Fatal("no neuron is active")
	}
	errors := len(g.Selected)
	for target := range g.Len() {
		for source := errors; source < errors+g.Layers*len(g.Tokens); source++ {
			if effect := g.Effect(source, target); math.Abs(effect) > 1e-5 {
				t.Errorf("the %s has an effect of %v", g.Node(source), effect)
			}
		}
	}
	replacement, completeness := hooked.Must2(g.Scores())
	if math.Abs(replacement-1) > 1e-4 || math.Abs(completeness-1) > 1e-4 {
		t.Errorf("replacement %v, completeness %v, want 1", replacement, completeness)
	}
	for l, share := range g.Unexplained {
		if share > 1e-9 {
			t.Errorf("layer %d leaves %v unexplained", l, share)
		}
	}
	gpt2 := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	if _, err := circuits.Neurons(gpt2); err == nil || !strings.Contains(err.Error(), "want relu") {
		t.Errorf("neurons of gpt2: %v", err)
	}
}
