package patching_test

import (
	"os"
	"slices"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/golden"
)

// realFixture is TransformerLens' patching of SmolLM2-135M-Instruct on the prompts of the first
// notebook.
type realFixture struct {
	Tokens       hooked.Tokens
	AnswerTokens hooked.Tokens `json:"answer_tokens"`
	Patching     struct {
		Clean     float32
		Corrupted float32
		ResidPre  [][]float32 `json:"patch_resid_pre"`
		HeadOut   [][]float32 `json:"patch_attn_head_out_all_pos"`
	}
}

// realTolerance is in logits: the fixture gives its differences of logits 2e-4 (ten times float32
// against float64). A patched run's residual stream of up to 2.5e4 rounds differently where its
// positions are computed by themselves.
var realTolerance = golden.Tolerance{Abs: 5e-4}

// openReal loads the default model, which `make setup` puts into the user's cache.
func openReal(t testing.TB) (*hooked.Model, realFixture) {
	path, err := cachedir.Join("models", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real model is not at %s, so its grids are not compared: run `make setup`", path)
	}
	m, err := hooked.FromPretrained(path, hooked.DefaultProcessing)
	if err != nil {
		t.Fatal(err)
	}
	var f realFixture
	golden.JSON(t, "testdata/smollm2.json", &f)
	return m, f
}

// swapped are the prompts with the two of each pair exchanged, which exchanges the right answers.
func (f realFixture) swapped() hooked.Tokens {
	out := slices.Clone(f.Tokens)
	for i := 0; i+1 < len(out); i += 2 {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return out
}

func TestRealGrids(t *testing.T) {
	m, f := openReal(t)
	metric := hooked.LogitDiff(f.AnswerTokens)
	for name, c := range map[string]struct {
		kind patching.Kind
		want [][]float32
	}{
		"resid_pre":             {patching.ResidPre, f.Patching.ResidPre},
		"attn_head_out_all_pos": {patching.HeadOutAllPos, f.Patching.HeadOut},
	} {
		got, err := patching.Sweep{Kind: c.kind, Base: f.swapped(), Source: patching.FromTokens(f.Tokens), Metric: metric}.Run(m)
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, name, got.Float32s(), slices.Concat(c.want...), realTolerance)
	}
}

func BenchmarkResidPre(b *testing.B)      { benchmarkSweep(b, patching.ResidPre) }
func BenchmarkHeadOutAllPos(b *testing.B) { benchmarkSweep(b, patching.HeadOutAllPos) }

func benchmarkSweep(b *testing.B, kind patching.Kind) {
	m, f := openReal(b)
	sweep := patching.Sweep{Kind: kind, Base: f.swapped(), Source: patching.FromTokens(f.Tokens), Metric: hooked.LogitDiff(f.AnswerTokens)}
	hooked.Must(m.Run(f.Tokens)) // loads the weights
	for b.Loop() {
		if _, err := sweep.Run(m); err != nil {
			b.Fatal(err)
		}
	}
}
