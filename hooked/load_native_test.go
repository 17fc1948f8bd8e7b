package hooked_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// nativeGolden is the golden.json of a folder in testdata/native.
type nativeGolden struct {
	HookNames []string `json:"hook_names"`
	LossIs    string   `json:"loss_is"`
	Tolerance struct {
		Abs float64 `json:"suggested_atol"`
		Rel float64 `json:"suggested_rtol"`
	}
	Processed *struct {
		Deviation string // where TransformerLens' processing changes what the model computes
	}
}

type nativeCase struct {
	nativeGolden
	dir    string
	file   *golden.File
	tol    golden.Tolerance
	tokens hooked.Tokens
	be     compute.Backend
}

func (n nativeCase) load(t *testing.T, p hooked.Processing) *hooked.Model {
	t.Helper()
	m, err := hooked.FromPretrained(n.dir, p, hooked.LoadOptions{Backend: n.be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// forEachNative runs a test for every fixture on pure Go; on XLA for one of each loss.
func forEachNative(t *testing.T, test func(t *testing.T, n nativeCase)) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		dirs, err := filepath.Glob("testdata/native/*")
		if err != nil || len(dirs) == 0 {
			t.Fatal("no fixtures in testdata/native", err)
		}
		for _, dir := range dirs {
			name := filepath.Base(dir)
			if golden.LeftOut(be, name, "solu_ln_1l", "bracket_classifier") {
				continue // each program takes XLA a second
			}
			t.Run(name, func(t *testing.T) {
				n := nativeCase{dir: dir, be: be, file: golden.Open(t, filepath.Join(dir, "golden.safetensors"))}
				golden.JSON(t, filepath.Join(dir, "golden.json"), &n.nativeGolden)
				n.tol = golden.Tolerance{Abs: n.Tolerance.Abs, Rel: n.Tolerance.Rel}
				n.tokens = n.file.Ints("tokens")
				test(t, n)
			})
		}
	})
}

// TestNative compares every activation and the loss of models in TransformerLens' own format.
func TestNative(t *testing.T) {
	forEachNative(t, func(t *testing.T, n nativeCase) {
		m := n.load(t, hooked.NoProcessing)
		logits, cache := hooked.Must2(m.RunWithCache(n.tokens, hooked.Names(n.HookNames)))
		compare(t, n.file, "logits", logits, n.tol)
		if got := cache.Names(); !slices.Equal(got, n.HookNames) {
			t.Errorf("hooks in order:\n got %v\nwant %v", got, n.HookNames)
		}
		for _, hook := range n.file.Names("cache/") {
			if hook == "hook_tokens" {
				if got := cache.Get(hook).Ints(); !slices.Equal(got, slices.Concat(n.tokens...)) {
					t.Errorf("hook_tokens is %v, want %v", got, n.tokens)
				}
				continue
			}
			compare(t, n.file, "cache/"+hook, cache.Get(hook), n.tol)
		}
		want, _ := n.file.Floats("loss")
		golden.Close(t, n.LossIs, []float32{n.loss(t, m, logits)}, want, n.tol)
	})
}

// loss is the fixture's loss: of the next token, or of a target at the last position.
func (n nativeCase) loss(t *testing.T, m *hooked.Model, logits *hooked.Tensor) float32 {
	switch n.LossIs {
	case "mean next-token cross-entropy":
		return hooked.Must(m.Loss(n.tokens)).Item()
	case "cross-entropy of `target` at the last position":
		logProbs := logits.LogSoftmax(logits.AxisNames()[2])
		var sum float64
		for i, target := range n.file.Ints("target")[0] {
			sum -= float64(logProbs.At(i, -1, target).Item())
		}
		return float32(sum / float64(len(n.tokens)))
	}
	t.Fatalf("a loss of a new kind: %q", n.LossIs)
	return 0
}

// TestNativeProcessed compares processed weights and logits, or where TransformerLens' processing
// changes what the model computes, checks that ours does not.
func TestNativeProcessed(t *testing.T) {
	forEachNative(t, func(t *testing.T, n nativeCase) {
		if n.Processed == nil {
			return // nothing to fold in a model without norms
		}
		m := n.load(t, hooked.DefaultProcessing)
		logits := hooked.Must(m.Run(n.tokens))
		for _, name := range n.file.Names("processed/sd/") {
			if n.Processed.Deviation != "" && strings.HasPrefix(name, "unembed.") {
				continue
			}
			canonical := strings.NewReplacer("attn._W_", "attn.W_", "attn._b_", "attn.b_").Replace(name)
			compare(t, n.file, "processed/sd/"+name, hooked.Must(m.Weight(canonical)), n.tol)
		}
		if n.Processed.Deviation == "" {
			compare(t, n.file, "processed/logits", logits, n.tol)
		}
		plain := hooked.Must(n.load(t, hooked.NoProcessing).Run(n.tokens))
		golden.Close(t, "log-probabilities", logits.LogSoftmax(logits.AxisNames()[2]).Float32s(), plain.LogSoftmax(plain.AxisNames()[2]).Float32s(), n.tol)
	})
}

// TestNeelConfig loads a toy model whose configuration is a config.json full of training details,
// as Neel Nanda's are.
func TestNeelConfig(t *testing.T) {
	dir := t.TempDir()
	model := hooked.Must(os.ReadFile("testdata/native/solu_ln_1l/model.safetensors"))
	config := `{"n_layers": 1, "d_model": 24, "d_mlp": 40, "d_head": 6, "n_heads": 4, "n_ctx": 20, "d_vocab": 49, "act_fn": "solu_ln",
		"attn_only": false, "normalization": "LN", "shortformer_pos": false, "lr": 0.001, "betas": [0.9, 0.99], "wandb_team": "x"}`
	for name, data := range map[string][]byte{"model.safetensors": model, "config.json": []byte(config)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
	if err != nil {
		t.Fatal(err)
	}
	file := golden.Open(t, "testdata/native/solu_ln_1l/golden.safetensors")
	want, _ := file.Floats("logits")
	got := hooked.Must(m.Run(hooked.Tokens(file.Ints("tokens")))).Float32s()
	golden.Close(t, "logits", got, want, golden.Default)
	if math.Abs(m.Config().AttnScale-math.Sqrt(6)) > 1e-12 {
		t.Errorf("attention scale %v, want √6", m.Config().AttnScale)
	}
}
