package circuits_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
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
			if golden.LeftOut(be, name, "gemma2_clt") {
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
	nodes := f.nodesOf(prefix, g)
	if want := f.file.Ints(prefix + "logit_tokens")[0]; !slices.Equal(tokens, want) {
		f.t.Fatalf("%slogit_tokens: %v, want %v", prefix, tokens, want)
	}
	f.same(prefix+"logit_probabilities", probabilities)
	f.samePicked(prefix+"adjacency", g.Adjacency, nodes)
	f.samePicked(prefix+"node_influence", float32s(hooked.Must(g.Influence())), nodes)
	replacement, completeness := hooked.Must2(g.Scores())
	f.near(prefix+"replacement", replacement, want.Replacement)
	f.near(prefix+"completeness", completeness, want.Completeness)
	for i, p := range want.Prune {
		f.isPruned(fmt.Sprintf("%sprune%d/", prefix, i), hooked.Must(g.Prune(p.NodeThreshold, p.EdgeThreshold)), p.Nodes, p.Edges, nodes)
	}
}

// nodesOf are for each node of a graph the fixture's. Of features without any influence PyTorch's
// sort takes which it likes, so that another such one stands for one of them.
func (f *fixture) nodesOf(prefix string, g *circuits.Graph) []int {
	f.t.Helper()
	want := f.file.Ints(prefix + "selected_features")[0]
	influence, _ := f.file.Floats("node_influence")
	some := func(all []int) []int {
		return slices.DeleteFunc(slices.Clone(all), func(i int) bool { return influence[i] == 0 })
	}
	if len(g.Selected) != len(want) || !slices.Equal(some(g.Selected), some(want)) {
		f.t.Fatalf("%sselected_features: %v, want %v", prefix, g.Selected, want)
	}
	nodes := make([]int, g.Len())
	for i := range nodes {
		nodes[i] = i
	}
	for i, feature := range g.Selected {
		nodes[i] = slices.Index(want, feature)
	}
	return nodes
}

// samePicked is same for values [node] or [node, node], of the nodes that the fixture has.
func (f *fixture) samePicked(name string, got []float32, nodes []int) {
	f.t.Helper()
	all, _ := f.file.Floats(name)
	n := len(nodes)
	var want, picked []float32
	for i, v := range got {
		row, column := nodes[i/n], nodes[i%n]
		if len(got) == n {
			row = 0
		}
		if row >= 0 && column >= 0 {
			picked, want = append(picked, v), append(want, all[row*n+column])
		}
	}
	golden.Close(f.t, name, picked, want, f.tolerance())
}

func (f *fixture) isPruned(prefix string, p *circuits.Pruned, nodes, edges int, of []int) {
	f.t.Helper()
	if n, e := p.Count(); n != nodes || e != edges {
		f.t.Errorf("%s: %d nodes and %d edges, want %d and %d", prefix, n, e, nodes, edges)
	}
	for name, got := range map[string][]bool{"node_mask": p.Nodes, "edge_mask": p.Edges} {
		values := make([]float32, len(got))
		for i, kept := range got {
			if kept {
				values[i] = 1
			}
		}
		f.samePicked(prefix+name, values, of)
	}
	f.samePicked(prefix+"cumulative", float32s(p.Cumulative), of)
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

// Features set to other values, in the frozen and the free model.
func TestInterventions(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range fixtures {
			if golden.LeftOut(be, name, "llama_plt_skip") {
				continue
			}
			t.Run(name, func(t *testing.T) {
				f := openFixture(t, name, be)
				f.intervention("direct", circuits.InterveneOptions{Frozen: circuits.FrozenAll}, (*circuits.Outcome).Preactivations)
				f.intervention("constrained_two", circuits.InterveneOptions{Frozen: circuits.FrozenAll, Layers: []int{0, 1}}, (*circuits.Outcome).Activations)
				f.intervention("frozen_attention", circuits.InterveneOptions{Frozen: circuits.FrozenAttention}, (*circuits.Outcome).Activations)
				f.intervention("free", circuits.InterveneOptions{}, (*circuits.Outcome).Activations)
			})
		}
	})
}

// intervention compares an intervention with the fixture's of this name.
func (f *fixture) intervention(kind string, o circuits.InterveneOptions, features func(*circuits.Outcome, int) (*hooked.Tensor, error)) {
	f.t.Helper()
	i := f.Intervention
	out, err := f.r.Intervene(f.tokens(), []circuits.Clamp{{Layer: i.Layer, Pos: i.Pos, Feature: i.Feature, Value: i.Value}}, o)
	if kind == "constrained_two" && i.Layer > 1 { // circuit-tracer changes nothing, and does not say so
		clean, _ := f.file.Floats("logits")
		f.same("intervention/"+kind+"/logits", clean)
		if err == nil || !strings.Contains(err.Error(), "writes to none of the frozen layers [0 1]") {
			f.t.Errorf("%s: %v", kind, err)
		}
		return
	}
	if err != nil {
		f.t.Fatal(kind, err)
	}
	f.same("intervention/"+kind+"/logits", out.Logits.Float32s())
	var all []float32
	for l := range f.m.Config().NLayers {
		all = append(all, hooked.Must(features(out, l)).Float32s()...)
	}
	f.same("intervention/"+kind+"/activations", all)
	f.same("logits", out.Clean.Float32s())
}
