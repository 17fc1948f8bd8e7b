package hooked_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
	_ "gopherlens/xla"
)

// archGolden is a fixture's golden.json.
type archGolden struct {
	HookNames []string `json:"hook_names"`
	Split     []string `json:"hook_names_split"`
	Tolerance struct {
		Abs float64 `json:"suggested_atol"`
		Rel float64 `json:"suggested_rtol"`
	}
}

// families are the fixtures under testdata/arch.
func families(t *testing.T) []string {
	dirs, err := filepath.Glob("testdata/arch/*/config.json")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no fixtures in testdata/arch", err)
	}
	var names []string
	for _, dir := range dirs {
		names = append(names, filepath.Base(filepath.Dir(dir)))
	}
	return names
}

// load loads a fixture's checkpoint.
func load(t testing.TB, name string, p hooked.Processing, be compute.Backend) *hooked.Model {
	t.Helper()
	m, err := hooked.FromPretrained(filepath.Join("testdata/arch", name), p, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readGolden(t *testing.T, name string) (archGolden, *golden.File, golden.Tolerance) {
	dir := filepath.Join("testdata/arch", name)
	var g archGolden
	golden.JSON(t, filepath.Join(dir, "golden.json"), &g)
	return g, golden.Open(t, filepath.Join(dir, "golden.safetensors")), golden.Tolerance{Abs: g.Tolerance.Abs, Rel: g.Tolerance.Rel}
}

// forEachFamily runs a test for every family on every backend.
func forEachFamily(t *testing.T, test func(t *testing.T, be compute.Backend, name string)) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range families(t) {
			t.Run(name, func(t *testing.T) { test(t, be, name) })
		}
	})
}

// forEachFamilyBriefly does so on pure Go, and on XLA for two families: enough for what differs
// between families in data only.
func forEachFamilyBriefly(t *testing.T, test func(t *testing.T, be compute.Backend, name string)) {
	forEachFamily(t, func(t *testing.T, be compute.Backend, name string) {
		if !golden.LeftOut(be, name, "gpt2", "llama") {
			test(t, be, name)
		}
	})
}

// TestFamilies compares logits and every activation of an unprocessed model with TransformerLens
// and Hugging Face.
func TestFamilies(t *testing.T) {
	forEachFamily(t, func(t *testing.T, be compute.Backend, name string) {
		want, file, tol := readGolden(t, name)
		m := load(t, name, hooked.NoProcessing, be)
		tokens := hooked.Tokens(file.Ints("tokens"))
		logits, cache := hooked.Must2(m.RunWithCache(tokens))
		compare(t, file, "tl_logits", logits, tol)
		compare(t, file, "hf_logits", logits, tol)
		if got := cache.Names(); !slices.Equal(got, want.HookNames) {
			t.Errorf("hooks in order:\n got %v\nwant %v", got, want.HookNames)
		}
		for _, hook := range file.Names("cache/") {
			compare(t, file, "cache/"+hook, cache.Get(hook), tol)
		}
	})
}

// TestFamilyLosses compares the loss, as a mean and per token.
func TestFamilyLosses(t *testing.T) {
	forEachFamilyBriefly(t, func(t *testing.T, be compute.Backend, name string) {
		_, file, tol := readGolden(t, name)
		m := load(t, name, hooked.NoProcessing, be)
		tokens := hooked.Tokens(file.Ints("tokens"))
		compare(t, file, "loss", hooked.Must(m.Loss(tokens)), tol)
		compare(t, file, "loss_per_token", hooked.Must(m.Loss(tokens, hooked.LossPerToken())), tol)
	})
}

// variants are the runs of a fixture that TransformerLens needs its switches for: here a run names
// the optional sites.
var variants = []struct {
	prefix  string // of the fixture's tensors
	options []hooked.Option
	sites   []string
}{
	{"split/", nil, splitSites},
	{"ungrouped/", []hooked.Option{hooked.UngroupKV()}, splitSites},
	{"attn_in/", nil, []string{"*.hook_attn_in"}},
}

var splitSites = []string{"*.hook_q_input", "*.hook_k_input", "*.hook_v_input", "*.hook_mlp_in", "*.hook_result"}

// TestOptionalSites compares the activations that are built on request only, and those that they
// change.
func TestOptionalSites(t *testing.T) {
	forEachFamilyBriefly(t, func(t *testing.T, be compute.Backend, name string) {
		_, file, tol := readGolden(t, name)
		m := load(t, name, hooked.NoProcessing, be)
		for _, v := range variants {
			if !file.Has(v.prefix + "logits") {
				continue // grouped heads only, or only where they are not
			}
			selectors := []hooked.Selector{"*", v.sites}
			options := append(v.options, hooked.Names(selectors...))
			logits, cache := hooked.Must2(m.RunWithCache(hooked.Tokens(file.Ints("tokens")), options...))
			compare(t, file, v.prefix+"logits", logits, tol)
			for _, hook := range file.Names(v.prefix) {
				if hook != "logits" {
					compare(t, file, v.prefix+hook, cache.Get(hook), tol)
				}
			}
		}
	})
}

// TestProcessedLogits compares the logits after the default weight processing.
func TestProcessedLogits(t *testing.T) {
	forEachFamilyBriefly(t, func(t *testing.T, be compute.Backend, name string) {
		_, file, tol := readGolden(t, name)
		m := load(t, name, hooked.DefaultProcessing, be)
		logits := hooked.Must(m.Run(hooked.Tokens(file.Ints("tokens"))))
		compare(t, file, "processed/logits", logits, tol)
	})
}

// compare checks a tensor's shape and values against a fixture.
func compare(t *testing.T, file *golden.File, name string, got *hooked.Tensor, tol golden.Tolerance) {
	t.Helper()
	want, shape := file.Floats(name)
	if strings.Contains(name, "attn.q_norm.") || strings.Contains(name, "attn.k_norm.") {
		batch := file.Ints("tokens") // TransformerLens makes one axis of batch, pos and head here
		shape = []int{len(batch), len(batch[0]), shape[0] / len(batch) / len(batch[0]), shape[1]}
	}
	if !slices.Equal(got.Shape(), shape) && len(shape) > 0 {
		t.Errorf("%s: shape %v, want %v", name, got.Shape(), shape)
		return
	}
	golden.Close(t, name, got.Float32s(), want, tol)
}
