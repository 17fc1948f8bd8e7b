package edges_test

import (
	"os"
	"testing"
	"time"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/edges"
	"gopherlens/hooked/patching"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/golden"
)

// TestRealCircuit scores the edges of SmolLM2-135M for indirect objects and measures circuits of
// growing size: they must do better than random ones of as many edges. It takes the default model,
// and minutes.
func TestRealCircuit(t *testing.T) {
	if os.Getenv("GOPHERLENS_TEST_LONG") == "" {
		t.Skip("GOPHERLENS_TEST_LONG is not set: it runs SmolLM2-135M for minutes")
	}
	path := must(cachedir.Join("models/SmolLM2-135M-Instruct.Q4_1.gguf"))(t)
	plugin, ok := golden.Plugin()
	if _, err := os.Stat(path); err != nil || !ok {
		t.Skip("the default model or the PJRT plugin is not installed: run `make setup`")
	}
	be := must(compute.NewWithConfig("xla:" + plugin))(t)
	m := must(hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing, hooked.LoadOptions{Backend: be}))(t)
	var f struct {
		Tokens       hooked.Tokens
		AnswerTokens hooked.Tokens `json:"answer_tokens"`
	}
	golden.JSON(t, "../patching/testdata/smollm2.json", &f)
	swapped := make(hooked.Tokens, len(f.Tokens))
	for i := range swapped {
		swapped[i] = f.Tokens[i^1]
	}
	task := edges.Task{Base: f.Tokens, Source: patching.FromTokens(swapped), Metric: hooked.LogitDiff(f.AnswerTokens)}
	since := time.Now()
	lap := func(what string) {
		t.Logf("%s: %s", what, time.Since(since).Round(time.Millisecond))
		since = time.Now()
	}
	scores := must(task.Scores(m, edges.EAP()))(t)
	lap(scores.Graph().String() + ", EAP")
	integrated := must(task.Scores(m, edges.EAPIG(5)))(t)
	lap("EAP-IG, 5 steps")
	for _, c := range []struct {
		name   string
		scores *edges.Scores
	}{{"EAP", scores}, {"EAP-IG", integrated}} {
		curve := must(task.Curve(m, edges.Curving{Sizes: edges.Sizes(30, scores.Graph().Len(), 12), Pick: c.scores.Greedy, Random: 1}))(t)
		lap(c.name + ", a curve of 36 circuits")
		better := 0
		for i, n := range curve.Sizes {
			t.Logf("%6d edges: faithful %.3f, without it %.3f, random %.3f", n, curve.Faithfulness[i], curve.Completeness[i], curve.Random[i])
			if n < scores.Graph().Len() && curve.Faithfulness[i] > curve.Random[i] {
				better++
			}
		}
		if better < len(curve.Sizes)/2 {
			t.Errorf("%s: circuits of only %d sizes are more faithful than random ones", c.name, better)
		}
	}
}
