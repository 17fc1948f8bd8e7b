package circuits_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/internal/golden"
)

// Every number that circuit-tracer gives for a graph.
func TestGraphs(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range fixtures {
			if golden.LeftOut(be, name, "gpt2_plt", "gemma2_clt") {
				continue
			}
			t.Run(name, func(t *testing.T) {
				f := openFixture(t, name, be)
				g := f.graph(circuits.Options{MaxTargets: f.MaxLogits, Probability: f.Prob})
				f.isGraph("", f.scores, g)
				few := f.graph(circuits.Options{MaxTargets: f.MaxLogits, Probability: f.Prob, MaxFeatures: f.MaxFeatureNodes,
					Batch: f.Few.BatchSize, Rerank: f.Few.UpdateInterval})
				f.isGraph("few/", f.FewFacts, few)
				f.given(g)
			})
		}
	})
}

// isGraph compares a graph with the fixture's tensors whose names begin with prefix.
func (f *fixture) isGraph(prefix string, want scores, g *circuits.Graph) {
	f.t.Helper()
	var active [][]int
	var activations, probabilities []float32
	for _, a := range g.Active {
		active, activations = append(active, []int{a.Layer, a.Pos, a.Index}), append(activations, float32(a.Activation))
	}
	var tokens []int
	for _, l := range g.Logits {
		tokens, probabilities = append(tokens, l.Token), append(probabilities, float32(l.Probability))
	}
	if want := f.file.Ints(prefix + "active_features"); !slices.EqualFunc(active, want, slices.Equal) {
		f.t.Fatalf("%sactive_features: %v, want %v", prefix, active, want)
	}
	f.same(prefix+"activation_values", activations)
	if want := f.file.Ints(prefix + "selected_features")[0]; !slices.Equal(g.Selected, want) {
		f.t.Fatalf("%sselected_features: %v, want %v", prefix, g.Selected, want)
	}
	if want := f.file.Ints(prefix + "logit_tokens")[0]; !slices.Equal(tokens, want) {
		f.t.Fatalf("%slogit_tokens: %v, want %v", prefix, tokens, want)
	}
	f.same(prefix+"logit_probabilities", probabilities)
	f.same(prefix+"adjacency", g.Adjacency)
	f.same(prefix+"node_influence", float32s(hooked.Must(g.Influence())))
	replacement, completeness := hooked.Must2(g.Scores())
	f.near(prefix+"replacement", replacement, want.Replacement)
	f.near(prefix+"completeness", completeness, want.Completeness)
	for i, p := range want.Prune {
		f.isPruned(fmt.Sprintf("%sprune%d/", prefix, i), hooked.Must(g.Prune(p.NodeThreshold, p.EdgeThreshold)), p.Nodes, p.Edges)
	}
}

func (f *fixture) isPruned(prefix string, p *circuits.Pruned, nodes, edges int) {
	f.t.Helper()
	if n, e := p.Count(); n != nodes || e != edges {
		f.t.Errorf("%s: %d nodes and %d edges, want %d and %d", prefix, n, e, nodes, edges)
	}
	for name, got := range map[string][]bool{"node_mask": p.Nodes, "edge_mask": p.Edges} {
		want, _ := f.file.Floats(prefix + name)
		if !slices.EqualFunc(got, want, func(a bool, b float32) bool { return a == (b != 0) }) {
			f.t.Errorf("%s%s differs", prefix, name)
		}
	}
	f.same(prefix+"cumulative", float32s(p.Cumulative))
}

func (f *fixture) near(what string, got, want float64) {
	f.t.Helper()
	if !(math.Abs(got-want) <= f.Tolerance.Atol+f.Tolerance.Rtol*math.Abs(want)) {
		f.t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// given checks the rows of targets that are named.
func (f *fixture) given(all *circuits.Graph) {
	tokens := f.file.Ints("given/logit_tokens")[0]
	var targets []circuits.Target
	for _, token := range tokens {
		targets = append(targets, circuits.Target{Token: token})
	}
	g := f.graph(circuits.Options{Targets: targets, MaxFeatures: 1})
	var probabilities []float32
	for _, l := range g.Logits {
		probabilities = append(probabilities, float32(l.Probability))
	}
	f.same("given/logit_probabilities", probabilities)
	f.same("given/rows", lastRows(f.graph(circuits.Options{Targets: targets}), len(targets)))

	unembed := hooked.Must(f.m.WU())
	direction := unembed.At(hooked.All, tokens[0]).Sub(unembed.At(hooked.All, tokens[1]))
	g = f.graph(circuits.Options{Targets: []circuits.Target{{Direction: direction, Label: "difference", Weight: 1}}})
	f.same("difference/row", lastRows(g, 1))
	if want := f.file.Ints("difference/virtual_id")[0][0]; g.Logits[0].Token != want {
		f.t.Errorf("the direction has the id %d, want %d", g.Logits[0].Token, want)
	}
}

// lastRows are the effects on the last n nodes.
func lastRows(g *circuits.Graph, n int) []float32 { return g.Adjacency[len(g.Adjacency)-n*g.Len():] }

func float32s(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}
