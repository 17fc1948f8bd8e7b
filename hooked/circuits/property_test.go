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
			edgesAreEffects(t, f.r, f.tokens(), f.tolerance())
		})
	}
	be := hooked.LoadOptions{Backend: golden.PureGo(t)}
	models := map[string]*hooked.Model{
		"without norms": hooked.Must(hooked.New(hooked.Config{NLayers: 2, DModel: 16, NCtx: 16, DHead: 8, NHeads: 2, DMLP: 32, DVocab: 60, ActFn: hooked.GELU,
			Normalization: hooked.NoNorm, InitializerRange: 0.3}, be)),
	}
	// parallel attention and MLP, norms of queries, a norm of the embedding, learned positions
	for _, name := range []string{"gpt_neox", "gptj", "qwen3", "bloom", "opt", "phi3"} {
		models[name] = hooked.Must(hooked.FromPretrained("../testdata/arch/"+name, hooked.NoProcessing, be))
	}
	// norms after the parts alone, sinks and experts, layers that do not rotate
	for _, name := range []string{"olmo2", "gpt_oss", "mixtral", "smollm3"} {
		models[name] = hooked.Must(hooked.FromPretrained("../testdata/families/"+name, hooked.NoProcessing, be))
	}
	for _, name := range []string{"gpt2", "llama"} {
		models[name+", processed"] = hooked.Must(hooked.FromPretrained("../testdata/arch/"+name, hooked.DefaultProcessing, be))
	}
	for name, m := range models {
		t.Run(name, func(t *testing.T) {
			r := hooked.Must(circuits.Replace(m, random(t, m, "mlp.hook_in", 40, -0.5)))
			edgesAreEffects(t, r, hooked.Tokens{{1, 9, 33, 51, 7, 20}}, golden.Default)
		})
	}
}

func edgesAreEffects(t *testing.T, r *circuits.Replacement, tokens hooked.Tokens, tol golden.Tolerance) {
	t.Helper()
	g := hooked.Must(r.Attribute(tokens))
	if len(g.Selected) < 10 {
		t.Fatalf("only %d features", len(g.Selected))
	}
	frozen := circuits.InterveneOptions{Frozen: circuits.FrozenAll}
	largest := 0.0
	for _, source := range []int{0, len(g.Selected) / 3, len(g.Selected) / 2} {
		n := g.Node(source)
		out := hooked.Must(r.Intervene(tokens, []circuits.Clamp{{Layer: n.Layer, Pos: n.Pos, Feature: n.Index}}, frozen))
		var changes [][][]float32
		for l := range g.Layers {
			changes = append(changes, hooked.Must(out.Changes(l)).Rows())
		}
		var got, want []float32
		for i := range g.Selected {
			to := g.Node(i)
			got = append(got, changes[to.Layer][to.Pos][to.Index])
			want = append(want, float32(-g.Effect(source, i)))
			largest = max(largest, math.Abs(g.Effect(source, i)))
		}
		golden.Close(t, "changes", got, want, tol)
		if r.Model().Config().OutputLogitsSoftCap == 0 {
			logitsChange(t, g, source, out, tol)
		}
	}
	if largest < 10*tol.Abs {
		t.Errorf("the largest effect is %v: that shows nothing", largest)
	}
}

// logitsChange checks that silencing a feature takes from the logits what the edges say.
func logitsChange(t *testing.T, g *circuits.Graph, source int, out *circuits.Outcome, tol golden.Tolerance) {
	t.Helper()
	change := out.Logits.Sub(out.Clean)
	change = change.Shift(-float64(change.Mean().Item()))
	var got, want []float32
	for i, l := range g.Logits {
		got = append(got, change.At(l.Token).Item())
		want = append(want, float32(-g.Effect(source, g.Len()-len(g.Logits)+i)))
	}
	golden.Close(t, "the logits", got, want, tol)
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

// What is left of a graph leads somewhere, and comes from somewhere.
func TestPrunedHangsTogether(t *testing.T) {
	f := openFixture(t, "gpt2_plt", golden.PureGo(t))
	g := f.graph(circuits.Options{})
	for _, shares := range [][2]float64{{0.8, 0.98}, {0.9, 0.5}, {0.99, 0.3}, {1, 0.6}, {0, 0}} {
		p := hooked.Must(g.Prune(shares[0], shares[1]))
		in, out := make([]int, g.Len()), make([]int, g.Len())
		for i, kept := range p.Edges {
			if target, source := i/g.Len(), i%g.Len(); kept {
				in[target]++
				out[source]++
			}
		}
		for i, kept := range p.Nodes {
			switch n := g.Node(i); {
			case !kept && in[i]+out[i] > 0:
				t.Errorf("%v: %s has edges and was dropped", shares, n)
			case kept && (n.Kind == circuits.FeatureNode || n.Kind == circuits.ErrorNode) && out[i] == 0:
				t.Errorf("%v: %s leads nowhere", shares, n)
			case kept && n.Kind == circuits.FeatureNode && in[i] == 0:
				t.Errorf("%v: nothing leads to %s", shares, n)
			}
		}
	}
}

// The claims of a pruned graph are edges that it kept, and hold in the frozen model to the number.
func TestClaims(t *testing.T) {
	for _, name := range []string{"gpt2_plt", "llama_clt"} {
		f := openFixture(t, name, golden.PureGo(t))
		g := f.graph(circuits.Options{})
		p := hooked.Must(g.Prune(circuits.NodeThreshold, circuits.EdgeThreshold))
		edges := hooked.Must(p.Strongest(3))
		if len(edges) != 3 {
			t.Fatalf("%d edges, want 3", len(edges))
		}
		for _, e := range edges {
			if !p.Edges[e.Target*g.Len()+e.Source] || g.Node(e.Source).Kind != circuits.FeatureNode {
				t.Errorf("%v is no claim of the graph", e)
			}
			c := hooked.Must(f.r.Confirm(g, e))
			golden.Close(t, name, []float32{float32(c.Frozen)}, []float32{float32(c.Predicted)}, f.tolerance())
			if c.Free == 0 || c.Predicted != -e.Effect {
				t.Errorf("%+v", c)
			}
		}
		for _, e := range []circuits.Edge{{Source: len(g.Selected), Target: g.Len() - 1}, {Source: 0, Target: g.Len()}, {Source: 0, Target: len(g.Selected)}} {
			if _, err := f.r.Confirm(g, e); err == nil {
				t.Errorf("%v is confirmed", e)
			}
		}
	}
	if (circuits.Claim{Predicted: 1, Free: -2}).Holds(0) || !(circuits.Claim{Predicted: -1, Free: -0.6}).Holds(0.5) || (circuits.Claim{Predicted: 1, Free: math.NaN()}).Holds(0) {
		t.Error("Holds")
	}
}
