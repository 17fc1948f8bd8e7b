package circuits_test

import (
	"math"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/internal/golden"
)

// In the local replacement model a feature that is silenced takes from every other what the edge
// between them says.
func TestEdgesAreEffects(t *testing.T) {
	for _, name := range []string{"gpt2_plt", "llama_plt_skip", "llama_clt", "gemma2_clt"} {
		t.Run(name, func(t *testing.T) {
			f := openFixture(t, name, golden.PureGo(t))
			g := f.graph(circuits.Options{})
			frozen := circuits.InterveneOptions{Frozen: circuits.FrozenAll}
			for _, source := range []int{0, len(g.Selected) / 3, len(g.Selected) / 2} {
				n := g.Node(source)
				change := f.changes(circuits.Clamp{Layer: n.Layer, Pos: n.Pos, Feature: n.Index}, n.Activation, frozen)
				var got, want []float32
				for i := range g.Selected {
					to := g.Node(i)
					got = append(got, change[to.Layer].At(to.Pos, to.Index).Item())
					want = append(want, float32(-g.Effect(source, i)))
				}
				golden.Close(t, "changes", got, want, f.tolerance())
			}
		})
	}
}

// changes are those of the pre-activations of each layer from a clamp at what is the case to the
// clamp.
func (f *fixture) changes(c circuits.Clamp, is float64, o circuits.InterveneOptions) (out []*hooked.Tensor) {
	f.t.Helper()
	as := c
	as.Value = is
	before := hooked.Must(f.r.Intervene(f.tokens(), []circuits.Clamp{as}, o))
	after := hooked.Must(f.r.Intervene(f.tokens(), []circuits.Clamp{c}, o))
	for l := range f.m.Config().NLayers {
		out = append(out, hooked.Must(after.Preactivations(l)).Sub(hooked.Must(before.Preactivations(l))))
	}
	return out
}

// A graph of only the tokens: a prompt of a BOS has no features and no errors.
func TestShortestPrompt(t *testing.T) {
	f := openFixture(t, "gpt2_plt", golden.PureGo(t))
	g := hooked.Must(f.r.Attribute(hooked.Tokens{{0}}))
	if len(g.Active) != 0 || g.Len() != 1+f.m.Config().NLayers+len(g.Logits) {
		t.Errorf("%v", g)
	}
	replacement, completeness := hooked.Must2(g.Scores())
	if replacement != 1 || completeness != 1 {
		t.Errorf("replacement %v, completeness %v, want 1 of a prompt without errors", replacement, completeness)
	}
	p := hooked.Must(g.Prune(1, 1))
	if nodes, edges := p.Count(); nodes != 1+len(g.Logits) || edges != len(g.Logits) {
		t.Errorf("%d nodes and %d edges", nodes, edges)
	}
}

// Pruning with the share 1 keeps all that has any influence.
func TestPruneNothing(t *testing.T) {
	f := openFixture(t, "llama_clt", golden.PureGo(t))
	g := f.graph(circuits.Options{})
	influence := hooked.Must(g.Influence())
	p := hooked.Must(g.Prune(1, 1))
	for i, kept := range p.Nodes {
		if n := g.Node(i); kept != (influence[i] > 0) && n.Kind != circuits.TokenNode && n.Kind != circuits.LogitNode {
			t.Errorf("%s of influence %v: kept %v", n, influence[i], kept)
		}
	}
}

// Inputs and outputs are the same edges from two sides.
func TestEdges(t *testing.T) {
	f := openFixture(t, "llama_clt", golden.PureGo(t))
	g := f.graph(circuits.Options{})
	from := make(map[circuits.Edge]bool)
	var last float64
	for i := range g.Len() {
		for _, e := range g.Outputs(i, g.Len()) {
			from[e] = true
		}
	}
	n := 0
	for i := range g.Len() {
		last = math.Inf(1)
		for _, e := range g.Inputs(i, g.Len()) {
			if !from[e] || e.Effect != g.Effect(e.Source, i) || math.Abs(e.Effect) > last {
				t.Fatalf("edge %v is out of place", e)
			}
			last = math.Abs(e.Effect)
			n++
		}
	}
	if n != len(from) || n == 0 {
		t.Errorf("%d edges into nodes and %d out of nodes", n, len(from))
	}
	if e := g.Inputs(g.Len()-1, 2); len(e) != 2 {
		t.Errorf("%d edges, want 2", len(e))
	}
}
