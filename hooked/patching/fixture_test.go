package patching_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
	_ "gopherlens/xla"
)

// fixture holds what TransformerLens' patching functions return on a tiny model, and the same for
// attribution and path patching as ARENA writes them.
type fixture struct {
	*golden.File
	m                *hooked.Model
	clean, corrupted hooked.Tokens
	metric           hooked.Metric
	receivers        [][2]int
	tol              golden.Tolerance
	gradTol          golden.Tolerance
}

func openFixture(t testing.TB, name string, be compute.Backend) *fixture {
	t.Helper()
	path := filepath.Join("../testdata/interventions", name)
	var about struct {
		Receivers [][2]int `json:"path_patch_receivers"`
		Tolerance struct {
			Abs  float64 `json:"suggested_atol"`
			Rel  float64 `json:"suggested_rtol"`
			Grad float64 `json:"gradients_rtol"`
		}
	}
	golden.JSON(t, path+".json", &about)
	m, err := hooked.FromPretrained(filepath.Join("../testdata/arch", name), hooked.DefaultProcessing, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{File: golden.Open(t, path+".safetensors"), m: m, receivers: about.Receivers}
	f.clean, f.corrupted = f.Ints("tokens"), f.Ints("corrupted_tokens")
	f.metric = hooked.LogitDiff(f.Ints("answers"))
	f.tol = golden.Tolerance{Abs: about.Tolerance.Abs, Rel: about.Tolerance.Rel}
	f.gradTol = golden.Tolerance{Abs: about.Tolerance.Abs, Rel: about.Tolerance.Grad}
	return f
}

// sweep is a sweep of the corrupted prompts, whose replacements are the clean ones'.
func (f *fixture) sweep(kind patching.Kind) patching.Sweep {
	return patching.Sweep{Kind: kind, Base: f.corrupted, Source: patching.FromTokens(f.clean), Metric: f.metric}
}

// forEachFixture runs a test on every fixture on every backend.
func forEachFixture(t *testing.T, test func(t *testing.T, f *fixture)) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range []string{"gpt2", "llama", "gpt_neox"} {
			if golden.LeftOut(be, name, "gpt2", "llama") {
				continue
			}
			t.Run(name, func(t *testing.T) { test(t, openFixture(t, name, be)) })
		}
	})
}

// check compares a grid with a tensor of the fixture.
func (f *fixture) check(t *testing.T, name string, got *patching.Grid, err error, tol golden.Tolerance) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	want, shape := f.Floats(name)
	if !slices.Equal(got.Shape(), shape) {
		t.Errorf("%s: shape %v, want %v", name, got.Shape(), shape)
		return
	}
	golden.Close(t, name, got.Float32s(), want, tol)
}
