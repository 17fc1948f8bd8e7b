package edges_test

import (
	"os"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/edges"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// TestRealCircuit scores the edges of SmolLM2-135M for indirect objects and measures circuits of
// growing size: they must do better than random ones of as many edges. It takes the default model,
// and minutes.
func TestRealCircuit(t *testing.T) {
	m, task := indirectObjects(t, 8)
	for name, method := range map[string]edges.Method{"EAP": edges.EAP(), "EAP-IG": edges.EAPIG(5)} {
		t.Run(name, func(t *testing.T) {
			since := time.Now()
			lap := func(what string) {
				t.Logf("%s: %s", what, time.Since(since).Round(time.Millisecond))
				since = time.Now()
			}
			scores := must(task.Scores(m, method))(t)
			lap("scores of " + scores.Graph().String())
			sizes := edges.Sizes(30, scores.Graph().Len(), 12)
			curve := must(task.Curve(m, edges.Curving{Sizes: sizes, Pick: scores.Greedy, Random: 1}))(t)
			lap("a curve of 36 circuits")
			better := 0
			for i, n := range sizes {
				t.Logf("%6d edges: faithful %.3f, without it %.3f, random %.3f", n, curve.Faithfulness[i], curve.Completeness[i], curve.Random[i])
				if n < scores.Graph().Len() && curve.Faithfulness[i] > curve.Random[i]+0.1 {
					better++
				}
			}
			if better < len(sizes)/2 {
				t.Errorf("circuits of only %d sizes are more faithful than random ones by a tenth", better)
			}
		})
	}
}

// TestRealPruning scores the edges of SmolLM2-135M by integrated gradients on activations, and cuts
// by ACDC what the best of them do not need: what is left must do the task as well.
func TestRealPruning(t *testing.T) {
	m, task := indirectObjects(t, 2)
	since := time.Now()
	lap := func(what string, c *edges.Circuit) {
		share := must(task.Faithfulness(m, c))(t)
		t.Logf("%s: %s, %d edges, faithful %.3f", what, time.Since(since).Round(time.Millisecond), c.Len(), share)
		since = time.Now()
	}
	progress := edges.OnProgress(func(done, total int) {
		if done%10 == 0 {
			t.Logf("%d of %d: %s", done, total, time.Since(since).Round(time.Millisecond))
		}
	})
	scores := must(task.Scores(m, edges.EAPIGActivations(1), progress))(t)
	best := must(scores.Greedy(40))(t)
	lap("the best", best)
	pruned := must(edges.ACDC{Task: task, Threshold: 0.02, From: best}.Run(m, progress))(t)
	lap("pruned", pruned)
	same := must(scores.Greedy(max(pruned.Len(), 1)))(t)
	lap("the best of as many", same)
	if n := pruned.Len(); n == 0 || n > best.Len()*3/4 {
		t.Errorf("of %d edges %d are left", best.Len(), n)
	}
	for _, e := range pruned.Edges() {
		if !best.Has(e) {
			t.Errorf("%s was not in the circuit that it began with", e)
		}
	}
	before, after := must(task.Faithfulness(m, best))(t), must(task.Faithfulness(m, pruned))(t)
	if as := must(task.Faithfulness(m, same))(t); !(after > before-0.1 && after > as) {
		t.Errorf("faithfulness falls from %.3f to %.3f; as many of the best edges have %.3f", before, after, as)
	}
}

// indirectObjects are the default model and a task of n prompts; the test is skipped unless it may
// take minutes.
func indirectObjects(t *testing.T, n int) (*hooked.Model, edges.Task) {
	t.Helper()
	if os.Getenv("GOPHERLENS_TEST_LONG") == "" {
		t.Skip("GOPHERLENS_TEST_LONG is not set: it runs SmolLM2-135M for minutes")
	}
	m := must(hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.ForDefaultModel(t)}))(t)
	var f struct {
		Tokens       hooked.Tokens
		AnswerTokens hooked.Tokens `json:"answer_tokens"`
	}
	golden.JSON(t, "../patching/testdata/smollm2.json", &f)
	n = min(n, len(f.Tokens))
	swapped := make(hooked.Tokens, n)
	for i := range swapped {
		swapped[i] = f.Tokens[i^1]
	}
	return m, edges.Task{Base: f.Tokens[:n], Source: patching.FromTokens(swapped), Metric: hooked.LogitDiff(f.AnswerTokens[:n])}
}
