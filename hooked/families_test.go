package hooked_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// familyNames are the fixtures under testdata/families, whose numbers are Hugging Face's alone.
func familyNames(t *testing.T) []string {
	dirs, err := filepath.Glob("testdata/families/*/config.json")
	if err != nil || len(dirs) < 19 {
		t.Fatal("fixtures are missing in testdata/families", dirs, err)
	}
	var names []string
	for _, dir := range dirs {
		names = append(names, filepath.Base(filepath.Dir(dir)))
	}
	return names
}

// onXLA are the fixtures that run on XLA in CI: they have between them the graphs that no family of
// testdata/arch has.
var onXLA = []string{"olmo2", "cohere2", "falcon_rw"}

// familyFile is a fixture's numbers, and how far from them a model may be.
func familyFile(t *testing.T, name string) (*golden.File, golden.Tolerance) {
	var g archGolden
	dir := filepath.Join("testdata/families", name)
	golden.JSON(t, filepath.Join(dir, "golden.json"), &g)
	return golden.Open(t, filepath.Join(dir, "golden.safetensors")), golden.Tolerance{Abs: g.Tolerance.Abs, Rel: g.Tolerance.Rel}
}

func loadFamily(t *testing.T, name string, p hooked.Processing, be compute.Backend) *hooked.Model {
	t.Helper()
	m, err := hooked.FromPretrained(filepath.Join("testdata/families", name), p, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func forEachNewFamily(t *testing.T, test func(t *testing.T, be compute.Backend, name string)) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range familyNames(t) {
			t.Run(name, func(t *testing.T) {
				if golden.LeftOut(be, name, onXLA...) {
					t.Skip("left to pure Go")
				}
				test(t, be, name)
			})
		}
	})
}

// TestFamiliesOfHuggingFace compares logits, loss, the residual stream, patterns and what attention
// and MLPs write with Hugging Face's.
func TestFamiliesOfHuggingFace(t *testing.T) {
	forEachNewFamily(t, func(t *testing.T, be compute.Backend, name string) {
		file, tol := familyFile(t, name)
		m := loadFamily(t, name, hooked.NoProcessing, be)
		tokens := hooked.Tokens(file.Ints("tokens"))
		logits, cache := hooked.Must2(m.RunWithCache(tokens))
		compare(t, file, "hf_logits", logits, tol)
		if file.Has("loss_per_token") {
			compare(t, file, "loss_per_token", hooked.Must(m.Loss(tokens, hooked.LossPerToken())), tol)
		}
		for l := range m.Config().NLayers {
			compare(t, file, fmt.Sprint("hidden/", l), cache.Get("resid_pre", l), tol)
			compare(t, file, fmt.Sprint("resid_post/", l), cache.Get("resid_post", l), tol)
			compare(t, file, fmt.Sprint("pattern/", l), cache.Get("pattern", l), tol)
			for _, part := range []string{"attn_out", "mlp_out"} {
				comparePart(t, file, part, l, m, cache, tol)
			}
		}
	})
}

// comparePart compares what attention or an MLP writes. The fixture has it before norms and
// multipliers that follow, and hook_attn_out and hook_mlp_out after them: there it is made of the
// fixture's own streams.
func comparePart(t *testing.T, file *golden.File, part string, l int, m *hooked.Model, cache *hooked.Cache, tol golden.Tolerance) {
	got := cache.Get(part, l).Float32s()
	want, _ := file.Floats(fmt.Sprint(part, "/", l))
	if c := m.Config(); c.PostNorms() {
		return // resid_post says what both add together
	} else if c.Architecture == "GraniteForCausalLM" || c.Architecture == "GraniteMoeForCausalLM" {
		for i := range want {
			want[i] *= 0.22 // residual_multiplier
		}
	} else if c.Architecture == "MptForCausalLM" && part == "mlp_out" { // the residual stream included
		for i, v := range cache.Get("resid_mid", l).Float32s() {
			want[i] -= v
		}
	}
	golden.Close(t, fmt.Sprint(part, "/", l), got, want, tol)
}

// TestFamiliesBeyondContext compares a text longer than the first training's.
func TestFamiliesBeyondContext(t *testing.T) {
	file, tol := familyFile(t, "phi4_mini")
	m := loadFamily(t, "phi4_mini", hooked.NoProcessing, golden.PureGo(t))
	compare(t, file, "long_hf_logits", hooked.Must(m.Run(hooked.Tokens(file.Ints("long_tokens")))), tol)
}

// TestFamiliesProcessed checks that processing leaves the predictions as they were: steps that
// would not are left off with their reasons.
func TestFamiliesProcessed(t *testing.T) {
	forEachNewFamily(t, func(t *testing.T, be compute.Backend, name string) {
		file, tol := familyFile(t, name)
		m := loadFamily(t, name, hooked.DefaultProcessing|hooked.RefactorFactored, be)
		losses := hooked.Must(m.Loss(hooked.Tokens(file.Ints("tokens")), hooked.LossPerToken()))
		compare(t, file, "loss_per_token", losses, golden.Tolerance{Abs: 4 * tol.Abs, Rel: tol.Rel})
	})
}

// TestFamiliesCached checks that tokens read one by one on a key-value cache get the numbers of the
// whole text.
func TestFamiliesCached(t *testing.T) {
	forEachNewFamily(t, func(t *testing.T, be compute.Backend, name string) {
		file, tol := familyFile(t, name)
		m := loadFamily(t, name, hooked.NoProcessing, be)
		tokens := file.Ints("tokens")[:1]
		want, shape := file.Floats("hf_logits")
		vocab := shape[2]
		kv := m.NewKVCache(1)
		for pos, cut := range [][2]int{{0, 7}, {7, 8}, {8, len(tokens[0])}} {
			logits := hooked.Must(m.Run(hooked.Tokens{tokens[0][cut[0]:cut[1]]}, hooked.WithKV(kv)))
			golden.Close(t, fmt.Sprint("stretch ", pos), logits.Float32s(), want[cut[0]*vocab:cut[1]*vocab], tol)
		}
	})
}

// TestFamilyConfigs reads each configuration in the older spelling, and every field must mean the
// same.
func TestFamilyConfigs(t *testing.T) {
	for _, name := range familyNames(t) {
		dir := filepath.Join("testdata/families", name)
		newer := hooked.Must(hooked.ReadConfigFile(filepath.Join(dir, "config.json")))
		older := hooked.Must(hooked.ReadConfigFile(filepath.Join(dir, "config_v4.json")))
		if !reflect.DeepEqual(newer, older) {
			t.Errorf("%s:\nnewer %+v\nolder %+v", name, newer, older)
		}
		if !slices.Contains(hooked.Activations(), newer.ActFn) {
			t.Errorf("%s: activation %q", name, newer.ActFn)
		}
	}
}
