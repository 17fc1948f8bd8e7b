package hooked_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/golden"
)

// realGolden holds the notebook's quantities on SmolLM2-135M-Instruct, as TransformerLens 2.16.1
// gives them.
type realGolden struct {
	Prompts      []string
	Answers      [][]string
	Tokens       hooked.Tokens
	StrTokens    [][]string    `json:"str_tokens"`
	AnswerTokens hooked.Tokens `json:"answer_tokens"`
	PerPrompt    []float32     `json:"per_prompt_logit_diff"`
	Average      float32       `json:"average_logit_diff"`
	Directions   vectors       `json:"logit_diff_directions"`
	Final        vectors       `json:"final_token_residual_stream"`
	Top          []struct {
		IDs    []int `json:"ids"`
		Logits []float32
	} `json:"top10_next_tokens"`
	PatternLayers []int `json:"pattern_layers"`
	Activations   struct {
		Stats map[string]struct {
			Shape []int
			L2    float64 `json:"l2"`
			Mean  float64
			First []float32 `json:"prompt0_last_first4"`
		}
	}
	Loss struct {
		Text     string
		Tokens   []int
		Mean     float32
		PerToken []float32 `json:"per_token"`
	}
	Tolerance map[string]json.RawMessage
}

// vectors are some rows of d_model numbers: their lengths and beginnings.
type vectors struct {
	Norms  []float32
	First8 [][]float32
}

const realFile = "models/SmolLM2-135M-Instruct.Q4_1.gguf"

// realModel is the default model on a backend; the test says that it was skipped where set-up has
// not installed it.
func realModel(t testing.TB, be compute.Backend) (*hooked.Model, realGolden) {
	t.Helper()
	path, err := cachedir.Join(realFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("the default model is not installed, so nothing was compared on real weights: run `make setup`")
	}
	var want realGolden
	golden.JSON(t, "testdata/real/smollm2.json", &want)
	return realOn(t, be), want
}

var reals sync.Map // backend -> *hooked.Model: loading one takes a second and half a gigabyte

func realOn(t testing.TB, be compute.Backend) *hooked.Model {
	t.Helper()
	if m, ok := reals.Load(be); ok {
		return m.(*hooked.Model)
	}
	m, err := hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	reals.Store(be, m)
	return m
}

// tol is the tolerance that the fixture states for a quantity.
func (g realGolden) tol(name string) golden.Tolerance {
	var stated struct {
		Abs float64 `json:"suggested_atol"`
	}
	if err := json.Unmarshal(g.Tolerance[name], &stated); err != nil {
		panic(fmt.Errorf("tolerance of %s: %w", name, err))
	}
	return golden.Tolerance{Abs: stated.Abs}
}

// onReal runs a test on the real model, on every backend.
func onReal(t *testing.T, test func(t *testing.T, m *hooked.Model, want realGolden)) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m, want := realModel(t, be)
		test(t, m, want)
	})
}

// TestNotebook compares the quantities of the first notebook, from tokens to the two logit
// differences.
func TestNotebook(t *testing.T) {
	onReal(t, func(t *testing.T, m *hooked.Model, want realGolden) {
		tokens := hooked.Must(m.ToTokens(want.Prompts))
		answers := hooked.Must(m.ToSingleTokens(want.Answers))
		if !equalTokens(tokens, want.Tokens) || !equalTokens(answers, want.AnswerTokens) {
			t.Fatalf("tokens %v, answers %v", tokens, answers)
		}
		logits, cache := hooked.Must2(m.RunWithCache(tokens))
		final := logits.At(hooked.All, -1)
		chosen := final.Gather(answers)
		diff := chosen.At(hooked.All, 0).Sub(chosen.At(hooked.All, 1))
		golden.Close(t, "per prompt", diff.Float32s(), want.PerPrompt, want.tol("per_prompt_logit_diff"))
		golden.Close(t, "average", []float32{diff.Mean().Item()}, []float32{want.Average}, want.tol("average_logit_diff"))
		checkTop(t, final, want)

		both := hooked.Must(m.TokensToResidualDirections(answers))
		directions := both.At(hooked.All, 0).Sub(both.At(hooked.All, 1))
		checkVectors(t, "directions", directions, want.Directions, want.tol("logit_diff_directions"))
		checkVectors(t, "final residual", cache.Get("resid_post", -1).At(hooked.All, -1), want.Final, want.tol("final_token_residual_stream"))
	})
}

func equalTokens(a, b hooked.Tokens) bool {
	return slices.EqualFunc(a, b, func(x, y []int) bool { return slices.Equal(x, y) })
}

func checkTop(t *testing.T, final *hooked.Tensor, want realGolden) {
	t.Helper()
	values, ids := final.TopK(10, "d_vocab")
	for i, top := range want.Top {
		if got := ids.At(i).Ints(); !slices.Equal(got, top.IDs) {
			t.Errorf("prompt %d: next tokens %v, want %v", i, got, top.IDs)
		}
		golden.Close(t, "top logits", values.At(i).Float32s(), top.Logits, want.tol("logits"))
	}
}

func checkVectors(t *testing.T, name string, got *hooked.Tensor, want vectors, tol golden.Tolerance) {
	t.Helper()
	tol.Rel = 1e-6 // norms are sums of many squares
	golden.Close(t, name+": norms", got.Norm("d_model").Float32s(), want.Norms, tol)
	for i, first := range want.First8 {
		golden.Close(t, name, got.At(i, hooked.Range{To: 8}).Float32s(), first, tol)
	}
}

// TestRealActivations compares the shape, length and mean of all 603 activations, and of the 30
// hook_result besides.
func TestRealActivations(t *testing.T) {
	onReal(t, func(t *testing.T, m *hooked.Model, want realGolden) {
		cache := hooked.Must(m.Cache(want.Tokens, hooked.Names(func(string) bool { return true }, hooked.AttnResult)))
		if cache.Len() != len(want.Activations.Stats) {
			t.Errorf("%d activations, want %d", cache.Len(), len(want.Activations.Stats))
		}
		for name, stat := range want.Activations.Stats {
			got := cache.Get(name)
			if !slices.Equal(got.Shape(), stat.Shape) {
				t.Errorf("%s: shape %v, want %v", name, got.Shape(), stat.Shape)
				continue
			}
			l2, mean, n := moments(got.Float32s())
			// Entries of the late residual stream differ by 0.01 between float32 and float64; 1e-4
			// of their length covers it.
			tol := golden.Tolerance{Abs: 1e-4*stat.L2/math.Sqrt(n) + 1e-5, Rel: 1e-4}
			golden.Close(t, name+": length", []float32{float32(l2)}, []float32{float32(stat.L2)}, golden.Tolerance{Rel: 2e-5})
			golden.Close(t, name+": mean", []float32{float32(mean)}, []float32{float32(stat.Mean)}, tol)
		}
		file := golden.Open(t, "testdata/real/smollm2.safetensors")
		patterns, _ := file.Floats("attn_pattern_first_prompt")
		size := len(patterns) / len(want.PatternLayers)
		for i, l := range want.PatternLayers {
			golden.Close(t, "pattern", cache.Get("pattern", l).At(0).Float32s(), patterns[i*size:(i+1)*size], golden.Tolerance{Abs: 1e-4})
		}
	})
}

// moments are the length and mean of the finite values, and how many there are.
func moments(values []float32) (l2, mean, n float64) {
	for _, v := range values {
		if x := float64(v); !math.IsInf(x, 0) {
			l2 += x * x
			mean += x
			n++
		}
	}
	return math.Sqrt(l2), mean / n, n
}

func TestRealLoss(t *testing.T) {
	onReal(t, func(t *testing.T, m *hooked.Model, want realGolden) {
		tokens := hooked.Must(m.ToTokens([]string{want.Loss.Text}))
		if !slices.Equal(tokens[0], want.Loss.Tokens) {
			t.Fatalf("tokens %v, want %v", tokens[0], want.Loss.Tokens)
		}
		// The fixture's logits are up to 3e-5 from those of float64, and so may ours be: of the
		// mean that is the least that can be held, and a token's loss is a difference of two.
		const ofMean, ofToken = 3e-5, 1e-4
		golden.Close(t, "loss", hooked.Must(m.Loss(tokens)).Float32s(), []float32{want.Loss.Mean}, golden.Tolerance{Abs: ofMean})
		golden.Close(t, "per token", hooked.Must(m.Loss(tokens, hooked.LossPerToken())).Float32s(), want.Loss.PerToken, golden.Tolerance{Abs: ofToken})
	})
}
