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
	if os.Getenv("GOPHERLENS_TEST_LONG") == "" {
		t.Skip("GOPHERLENS_TEST_LONG is not set: it runs SmolLM2-135M for minutes")
	}
	m := must(hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.ForDefaultModel(t)}))(t)
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
