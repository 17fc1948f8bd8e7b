package lens_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/lens"
	"gopherlens/internal/golden"
	_ "gopherlens/xla"
)

// fixture is one of hooked/testdata/cache: TransformerLens' analyses of a tiny model.
type fixture struct {
	*golden.File
	m      *hooked.Model
	Tokens hooked.Tokens
	Calls  []struct {
		ID, Call string
		Args     detection
	}
	Tolerance struct {
		Abs float64 `json:"suggested_atol"`
		Rel float64 `json:"suggested_rtol"`
	}
	tol golden.Tolerance
}

// detection are the arguments of detect_head.
type detection struct {
	Seq            string
	Pattern        string `json:"detection_pattern"`
	ExcludeBOS     bool   `json:"exclude_bos"`
	ExcludeCurrent bool   `json:"exclude_current_token"`
	Measure        string `json:"error_measure"`
}

func openFixture(t *testing.T, name string, be compute.Backend) *fixture {
	t.Helper()
	f := &fixture{File: golden.Open(t, filepath.Join("../testdata/cache", name+".safetensors"))}
	golden.JSON(t, filepath.Join("../testdata/cache", name+".json"), f)
	var err error
	f.m, err = hooked.FromPretrained(filepath.Join("../testdata/arch", name), hooked.DefaultProcessing, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	f.tol = golden.Tolerance{Abs: f.Tolerance.Abs, Rel: f.Tolerance.Rel}
	return f
}

// forEachFixture runs a test on both fixtures on every backend.
func forEachFixture(t *testing.T, test func(t *testing.T, f *fixture)) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range []string{"gpt2", "llama"} {
			t.Run(name, func(t *testing.T) { test(t, openFixture(t, name, be)) })
		}
	})
}

var patterns = map[string]lens.Pattern{
	"previous_token_head":  lens.PreviousToken,
	"duplicate_token_head": lens.DuplicateToken,
	"induction_head":       lens.Induction,
}

// TestDetectHeads compares the detectors in one run with those one by one.
func TestDetectHeads(t *testing.T) {
	m := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	tokens := hooked.Tokens{{1, 5, 9, 2, 5, 9, 2}, {3, 4, 8, 3, 4, 8, 3}}
	kinds := []lens.Pattern{lens.PreviousToken, lens.DuplicateToken, lens.Induction}
	for _, d := range []lens.Detection{{}, {Measure: lens.Abs, ExcludeBOS: true}} {
		together := hooked.Must(lens.DetectHeads(m, tokens, d, kinds...))
		for k, kind := range kinds {
			if got, want := together[k].Float32s(), hooked.Must(lens.DetectHead(m, tokens, kind, d)).Float32s(); !slices.Equal(got, want) {
				t.Errorf("pattern %d: %v, want %v", k, got, want)
			}
		}
	}
	if _, err := lens.DetectHeads(m, tokens, lens.Detection{}); err == nil {
		t.Error("no pattern gave no error")
	}
	if _, err := lens.DetectHeads(m, tokens, lens.Detection{}, lens.Induction, nil); err == nil || !strings.Contains(err.Error(), "pattern 1") {
		t.Errorf("a nil pattern: %v", err)
	}
}

// TestDetectHead compares the detectors with TransformerLens' detect_head.
func TestDetectHead(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		for _, call := range f.Calls {
			if call.Call != "head_detector.detect_head" {
				continue
			}
			a := call.Args
			tokens := hooked.Must(f.m.ToTokens([]string{a.Seq}))
			got, err := lens.DetectHead(f.m, tokens, patterns[a.Pattern],
				lens.Detection{Measure: lens.Measure(a.Measure), ExcludeBOS: a.ExcludeBOS, ExcludeCurrent: a.ExcludeCurrent})
			if err != nil {
				t.Fatal(err)
			}
			want, _ := f.Floats(call.ID)
			golden.Close(t, call.ID+" "+a.Pattern, got.Float32s(), want, f.tol)
		}
	})
}

// TestGivenPattern checks that a pattern of one's own is the built-in one with the same entries,
// and that one that looks ahead is refused.
func TestGivenPattern(t *testing.T) {
	f := openFixture(t, "gpt2", nil)
	one := f.Tokens[:1]
	previous := hooked.Must(lens.PreviousToken(one[0]))
	want := hooked.Must(lens.DetectHead(f.m, one, lens.PreviousToken, lens.Detection{}))
	got := hooked.Must(lens.DetectHead(f.m, one, lens.Given(previous), lens.Detection{}))
	golden.Close(t, "given", got.Float32s(), want.Float32s(), golden.Tolerance{})
	previous[0][1] = 1
	if _, err := lens.DetectHead(f.m, one, lens.Given(previous), lens.Detection{}); err == nil || !strings.Contains(err.Error(), "the future") {
		t.Errorf("a pattern that attends to the future gave %v", err)
	}
	if _, err := lens.DetectHead(f.m, one, lens.PreviousToken, lens.Detection{Measure: "cosine"}); err == nil {
		t.Error("an unknown measure was accepted")
	}
}

// TestCopyingScores compares the scores with those of the circuits written out.
func TestCopyingScores(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		for _, call := range f.Calls {
			if strings.HasSuffix(call.ID, "_ov_copying_scores") {
				want, _ := f.Floats(call.ID)
				golden.Close(t, call.ID, hooked.Must(lens.CopyingScores(f.m)).Float32s(), want, f.tol)
			}
		}
	})
}

// TestLogitLensEnds checks that both forms end with the model's own logits, and differ before.
func TestLogitLensEnds(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		logits, cache := hooked.Must2(f.m.RunWithCache(f.Tokens))
		want := logits.Sub(hooked.Must(f.m.BU()))
		run, labels, err := lens.LogitLensRunScale(f.m, cache)
		if err != nil {
			t.Fatal(err)
		}
		own, _, err := lens.LogitLensOwnScale(f.m, cache)
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, "with the run's scale", run.At(-1).Float32s(), want.Float32s(), f.tol)
		golden.Close(t, "with its own scale", own.At(-1).Float32s(), want.Float32s(), f.tol)
		if slices.Equal(run.At(0).Float32s(), own.At(0).Float32s()) {
			t.Error("the two forms agree on the embeddings")
		}
		if labels[len(labels)-1] != "final_post" {
			t.Errorf("labels %v", labels)
		}
	})
}

// TestCircuits compares factored circuits with the products written out.
func TestCircuits(t *testing.T) {
	f := openFixture(t, "gpt2", nil)
	wE, wU, wPos := hooked.Must(f.m.WE()), hooked.Must(f.m.WU()), hooked.Must(f.m.WPos())
	ov, qk := hooked.Must(f.m.OV()).At(1, 2).AB(), hooked.Must(f.m.QK()).At(1, 2).AB()
	for name, c := range map[string]struct {
		got  *hooked.FactoredMatrix
		want *hooked.Tensor
	}{
		"FullOV":     {hooked.Must(lens.FullOV(f.m, 1, 2)), wE.Einsum("t d, d e, e u -> t u", ov, wU)},
		"FullQK":     {hooked.Must(lens.FullQK(f.m, 1, 2)), wE.Einsum("t d, d e, u e -> t u", qk, wE)},
		"PositionQK": {hooked.Must(lens.PositionQK(f.m, 1, 2)), wPos.Einsum("t d, d e, u e -> t u", qk, wPos)},
	} {
		golden.Close(t, name, c.got.AB().Float32s(), c.want.Float32s(), f.tol)
	}
}

// TestPreviousTokenScores compares with the attention pattern of position vectors alone, by way of
// tensors.
func TestPreviousTokenScores(t *testing.T) {
	f := openFixture(t, "gpt2", nil)
	const n = 6
	got := hooked.Must(lens.PreviousTokenScores(f.m, n))
	// sqrt(d_head), which is 8
	scores := hooked.Must(lens.PositionQK(f.m, 2, 1)).Corner(n).Scale(1 / 2.8284271)
	sum := float32(0)
	for q := 1; q < n; q++ {
		row := scores.At(q, hooked.Range{From: 0, To: q + 1})
		sum += row.Softmax(row.AxisNames()[0]).At(q - 1).Item()
	}
	golden.Close(t, "L2H1", []float32{got.At(2, 1).Item()}, []float32{sum / (n - 1)}, f.tol)
}

// TestSingularVectors checks the definition of singular vectors on their logits: OV^T OV v = s^2 v,
// so that W_U^T OV^T OV v is s^2 times the vector's logits.
func TestSingularVectors(t *testing.T) {
	f := openFixture(t, "gpt2", nil)
	ov := hooked.Must(f.m.OV()).At(1, 0)
	_, s, v := ov.SVD()
	got := hooked.Must(lens.HeadVectors(f.m, 1, 0, 3))
	twice := ov.AB().Einsum("i j, i k, k r -> r j", ov.AB(), v)
	want := twice.Einsum("r d, d v -> r v", hooked.Must(f.m.WU()))
	for i := range 3 {
		scale := float64(s.At(i).Item())
		golden.Close(t, "head", got.At(i).Scale(scale*scale).Float32s(), want.At(i).Float32s(), f.tol)
	}
	for name, rows := range map[string]*hooked.Tensor{
		"reads":  hooked.Must(lens.ReadingVectors(f.m, 0, 4)),
		"writes": hooked.Must(lens.WritingVectors(f.m, 0, 4)),
	} {
		if texts := hooked.Must(lens.TopTokens(f.m, rows, 5)); len(texts) != 4 || len(texts[0]) != 5 {
			t.Errorf("what the MLP %s: %v", name, texts)
		}
	}
}

// TestTestPrompt compares rank, logit and probability of an answer with the logits of a plain run.
func TestTestPrompt(t *testing.T) {
	f := openFixture(t, "gpt2", nil)
	const prompt = "When John and Mary went to the shops, John gave the bag to"
	got := hooked.Must(lens.TestPrompt(f.m, prompt, "Mary"))
	logits := hooked.Must(f.m.Run(prompt)).At(0, -1)
	id := hooked.Must(f.m.ToSingleToken(" Mary"))
	answer := got.Answer[0]
	want := []float32{logits.At(id).Item(), logits.Softmax("d_vocab").At(id).Item()}
	golden.Close(t, "logit and probability", []float32{answer.Logit, answer.Prob}, want, f.tol)
	rank := 0
	for _, v := range logits.Float32s() {
		if v > want[0] {
			rank++
		}
	}
	if answer.Rank != rank || answer.Text != " Mary" || len(answer.Top) != 10 {
		t.Errorf("got %+v, want rank %d", answer, rank)
	}
	if text := got.String(); !strings.Contains(text, `" Mary"`) || !strings.Contains(text, "rank") {
		t.Errorf("String is %q", text)
	}
}

// TestDetectHeadsCancelled checks that a context that has ended ends the run, whose error says so.
func TestDetectHeadsCancelled(t *testing.T) {
	m := openModel(t, "gpt2", hooked.DefaultProcessing)
	ctx, cancel := context.WithCancel(t.Context())
	stopping := func(tokens []int) ([][]float32, error) {
		cancel()
		return lens.PreviousToken(tokens)
	}
	d := lens.Detection{Context: ctx}
	if _, err := lens.DetectHead(m, hooked.Tokens{{1, 2, 3}, {4, 5, 6}}, stopping, d); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled after the run: %v", err)
	}
	if _, err := lens.DetectHead(m, hooked.Tokens{{1, 2, 3}}, lens.Induction, d); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}
