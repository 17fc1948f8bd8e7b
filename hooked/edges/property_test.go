package edges_test

import (
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/edges"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
	_ "gopherlens/xla"
)

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// families are the checkpoints of hooked's tests.
func families(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, kind := range []string{"arch", "families", "native"} {
		all = append(all, must(filepath.Glob("../testdata/"+kind+"/*"))(t)...)
	}
	return all
}

// pairs are prompts that differ from their third token on, and tokens to tell apart.
func pairs(m *hooked.Model, n, pos int) (clean, corrupted, answers hooked.Tokens) {
	c := m.Config()
	for i := range n {
		var a, b []int
		for p := range pos {
			id := 2 + (7*i+5*p)%(c.DVocab-2)
			a = append(a, id)
			if p >= 2 && p%2 == 0 {
				id = 2 + (id+3)%(c.DVocab-2)
			}
			b = append(b, id)
		}
		clean, corrupted = append(clean, a), append(corrupted, b)
		answers = append(answers, []int{i % c.DVocabOut, (i + 1) % c.DVocabOut})
	}
	return clean, corrupted, answers
}

// TestEnds checks that all edges make the base run and no edges the source's, in every family.
func TestEnds(t *testing.T) {
	for _, path := range families(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			m := must(hooked.FromPretrained(path, hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
			clean, corrupted, answers := pairs(m, 2, min(5, m.Config().NCtx))
			metric := hooked.LogitDiff(answers)
			task := edges.Task{Base: clean, Source: patching.FromTokens(corrupted), Metric: metric}
			g, err := edges.GraphOf(m)
			if m.Config().NormAfterSum {
				if err == nil || !strings.Contains(err.Error(), "norms stand after the sums") {
					t.Errorf("a graph of a model whose residual stream is no sum: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := must(task.Metrics(m, []*edges.Circuit{g.All(), g.None()}))(t)
			want := []float32{must(m.Measure(clean, metric))(t).Item(), must(m.Measure(corrupted, metric))(t).Item()}
			if want[0] == want[1] {
				t.Error("the two prompts do not differ")
			}
			golden.Close(t, "ends", []float32{float32(got[0]), float32(got[1])}, want, golden.Tolerance{Abs: 2e-5, Rel: 2e-5})
		})
	}
}

// TestSumsOverSources checks that the scores of a target's edges add up to the attribution of its
// whole input: what nodes write adds up to what is read, as biases do not differ.
func TestSumsOverSources(t *testing.T) {
	for _, name := range []string{"arch/gpt2", "arch/llama", "arch/gemma2", "arch/gpt_neox", "families/olmo2", "families/mixtral", "families/gpt_oss", "native/attn_only_2l", "native/attn_only_shortformer"} {
		m := must(hooked.FromPretrained("../testdata/"+name, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
		clean, corrupted, answers := pairs(m, 2, 5)
		task := edges.Task{Base: clean, Source: patching.FromTokens(corrupted), Metric: hooked.LogitDiff(answers)}
		scores := must(task.Scores(m, edges.EAP()))(t)
		g := scores.Graph()
		sums := make(map[string]float32)
		for i, v := range scores.Float32s() {
			e := g.Edge(i)
			e.From = edges.Node{}
			sums[e.String()] += v
		}
		for l := range m.Config().NLayers {
			sites := []hooked.Site{hooked.QInput, hooked.KInput, hooked.VInput}
			if !m.Config().AttnOnly {
				sites = append(sites, hooked.MLPIn)
			}
			for _, site := range sites {
				over := "head"
				if site == hooked.MLPIn {
					over = "layer"
				}
				kind := patching.Kind{Site: site.At(l), Over: over}
				grid := must(patching.Sweep{Kind: kind, Base: clean, Source: task.Source, Metric: task.Metric}.Attribution(m))(t)
				for h, want := range grid.Float32s() {
					to := edges.Node{Kind: edges.Head, Layer: l, Head: h}
					part := map[hooked.Site]edges.Part{hooked.QInput: edges.Q, hooked.KInput: edges.K, hooked.VInput: edges.V}[site]
					switch {
					case part == "":
						to = edges.Node{Kind: edges.MLP, Layer: l}
					case part != edges.Q && m.Config().NKeyValueHeads != m.Config().NHeads:
						to.Kind = edges.Group
					}
					e := edges.Edge{To: to, Part: part}
					golden.Close(t, name+" "+e.String(), []float32{sums[e.String()]}, []float32{want}, golden.Tolerance{Abs: 2e-5, Rel: 1e-4})
				}
			}
		}
	}
}

// TestLinear checks that in a model whose logits are linear in what nodes write the score of each
// edge into the logits is its exact effect, by both variants of integrated gradients too.
func TestLinear(t *testing.T) {
	m := must(hooked.New(hooked.Config{NLayers: 2, DModel: 12, NCtx: 8, DHead: 4, NHeads: 3, DVocab: 20, AttnOnly: true, Seed: 3},
		hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
	clean, corrupted, answers := pairs(m, 2, 5)
	task := edges.Task{Base: clean, Source: patching.FromTokens(corrupted), Metric: hooked.LogitDiff(answers)}
	exact := must(task.Scores(m, edges.Exact()))(t)
	for _, method := range []edges.Method{edges.EAP(), edges.EAPIG(3), edges.EAPIGActivations(2)} {
		scores := must(task.Scores(m, method))(t)
		for _, n := range scores.Graph().Nodes() {
			e := edges.Edge{From: n, To: edges.Node{Kind: edges.Logits}}
			golden.Close(t, e.String(), []float32{scores.At(e)}, []float32{exact.At(e)}, golden.Tolerance{Abs: 1e-5, Rel: 1e-4})
		}
	}
}

// TestPadded checks that prompts padded on the left give what they give alone.
func TestPadded(t *testing.T) {
	m := must(hooked.FromPretrained("../testdata/arch/llama", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
	clean, corrupted, answers := pairs(m, 2, 6)
	clean[1], corrupted[1] = clean[1][:4], corrupted[1][:4]
	g := must(edges.GraphOf(m))(t)
	circuit := must(g.Random(g.Len()/2, 1))(t)
	var want float64
	wantScores := make([]float32, g.Len())
	for i := range clean {
		task := edges.Task{Base: clean[i : i+1], Source: patching.FromTokens(corrupted[i : i+1]), Metric: hooked.LogitDiff(answers[i : i+1])}
		want += must(task.Metrics(m, []*edges.Circuit{circuit}))(t)[0] / 2
		for k, v := range must(task.Scores(m, edges.EAPIG(2)))(t).Float32s() {
			wantScores[k] += v / 2
		}
	}
	mask := [][]int{{1, 1, 1, 1, 1, 1}, {0, 0, 1, 1, 1, 1}}
	pad := func(rows hooked.Tokens) hooked.Tokens {
		return hooked.Tokens{rows[0], append([]int{0, 0}, rows[1]...)}
	}
	task := edges.Task{Base: pad(clean), Source: patching.FromTokens(pad(corrupted)), Metric: hooked.LogitDiff(answers)}
	got := must(task.Metrics(m, []*edges.Circuit{circuit}, edges.AttentionMask(mask)))(t)
	golden.Close(t, "circuit", floats(got), []float32{float32(want)}, golden.Tolerance{Abs: 2e-5})
	golden.Close(t, "scores", must(task.Scores(m, edges.EAPIG(2), edges.AttentionMask(mask)))(t).Float32s(), wantScores, golden.Tolerance{Abs: 2e-5, Rel: 1e-3})
}

// TestPrune checks that a pruned circuit computes what the whole did, and that its edges lie on
// ways from the input to the logits.
func TestPrune(t *testing.T) {
	m := must(hooked.FromPretrained("../testdata/arch/llama", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
	clean, corrupted, answers := pairs(m, 2, 5)
	task := edges.Task{Base: clean, Source: patching.FromTokens(corrupted), Metric: hooked.LogitDiff(answers)}
	g := must(edges.GraphOf(m))(t)
	pruned := 0
	for seed := range uint64(6) {
		whole := must(g.Random(25, seed))(t)
		part := whole.Prune()
		if pruned += whole.Len() - part.Len(); part.Prune().Len() != part.Len() {
			t.Errorf("pruned twice: %v", part)
		}
		got := must(task.Metrics(m, []*edges.Circuit{whole, part}))(t)
		golden.Close(t, "pruned", floats(got[1:]), floats(got[:1]), golden.Tolerance{Abs: 2e-5})
		for _, e := range part.Edges() {
			if !whole.Has(e) {
				t.Errorf("%s came from nowhere", e)
			}
		}
	}
	if pruned == 0 {
		t.Error("nothing was pruned")
	}
	chain := must(g.CircuitNamed("input->a0.kv1<v>", "a0.h4->m1", "m1->logits", "a0.h1->m2", "m2->logits", "input->m0"))(t)
	if got, want := chain.Prune().Names(), []string{"input->a0.kv1<v>", "a0.h4->m1", "m1->logits"}; !reflect.DeepEqual(got, want) {
		t.Errorf("pruned to %v, want %v", got, want)
	}
}

// TestPicked checks the circuits that scores make.
func TestPicked(t *testing.T) {
	m := must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
	g := must(edges.GraphOf(m))(t)
	values := make([]float32, g.Len())
	set := func(name string, v float32) {
		values[must(g.Number(must(edges.ParseEdge(name))(t)))(t)] = v
	}
	set("m0->m1", 9) // nothing of the greedy circuit reads m1
	set("a1.h2->logits", -5)
	set("m0->a1.h2<k>", 4)
	set("input->m0", -3)
	set("input->a1.h2<v>", 2)
	scores := must(edges.NewScores(g, values))(t)
	if got, want := must(scores.Top(2))(t).Names(), []string{"m0->m1", "a1.h2->logits"}; !reflect.DeepEqual(got, want) {
		t.Errorf("the top are %v, want %v", got, want)
	}
	if got, want := must(scores.Greedy(4))(t).Names(), []string{"input->m0", "m0->a1.h2<k>", "input->a1.h2<v>", "a1.h2->logits"}; !reflect.DeepEqual(got, want) {
		t.Errorf("greedy takes %v, want %v", got, want)
	}
	if got := must(scores.Above(3))(t).Len(); got != 4 {
		t.Errorf("%d edges are above 3, want 4", got)
	}
	twice := must(edges.Mean([]*edges.Scores{scores, must(edges.NewScores(g, make([]float32, g.Len())))(t)}, 3, 1))(t)
	if got := twice.At(must(edges.ParseEdge("m0->m1"))(t)); got != 6.75 {
		t.Errorf("the mean is %v, want 6.75", got)
	}
	for i := range g.Len() {
		e := g.Edge(i)
		if again := must(edges.ParseEdge(e.String()))(t); again != e || must(g.Number(again))(t) != i {
			t.Errorf("edge %d is %s, read as %s", i, e, again)
		}
	}
}

// TestACDCFrom checks that ACDC from a circuit cuts and keeps what the rule says, an edge at a
// time.
func TestACDCFrom(t *testing.T) {
	m := must(hooked.FromPretrained("../testdata/native/attn_only_2l", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
	clean, corrupted, answers := pairs(m, 2, 5)
	task := edges.Task{Base: clean, Source: patching.FromTokens(corrupted), Metric: hooked.LogitDiff(answers)}
	from := must(must(edges.GraphOf(m))(t).Random(40, 5))(t)
	metric := func(c *edges.Circuit) float64 { return must(task.Metrics(m, []*edges.Circuit{c}))(t)[0] }
	base := metric(from.Graph().All())
	const threshold = 0.003
	want, away := from, math.Abs(metric(from)-base)
	for _, e := range slices.Backward(from.Edges()) {
		less := must(want.Without(e))(t)
		if now := math.Abs(metric(less) - base); now-away < threshold {
			want, away = less, now
		}
	}
	if want.Len() == 0 || want.Len() == from.Len() {
		t.Fatalf("%d of %d edges are kept, which tells nothing", want.Len(), from.Len())
	}
	done, total := 0, 0
	got := must(edges.ACDC{Task: task, Threshold: threshold, From: from}.Run(m, edges.OnProgress(func(d, n int) { done, total = d, n })))(t)
	if !slices.Equal(got.Names(), want.Names()) {
		t.Errorf("kept are %v, want %v", got, want)
	}
	if done != from.Len() || total != from.Len() {
		t.Errorf("progress ends with %d of %d, want all %d edges of the circuit", done, total, from.Len())
	}
}
