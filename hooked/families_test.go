package hooked_test

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/sweeps"
	"gopherlens/internal/golden"
)

// familyNames are the fixtures under testdata/families, whose numbers are Hugging Face's alone.
func familyNames(t *testing.T) []string {
	dirs, err := filepath.Glob("testdata/families/*/config.json")
	if err != nil || len(dirs) < 32 {
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
var onXLA = []string{"olmo2", "cohere2", "falcon_rw", "qwen2_moe", "gpt_oss"}

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
			compare(t, file, fmt.Sprint("resid_post/", l), cache.Get(streamAfter(m), l), tol)
			compare(t, file, fmt.Sprint("pattern/", l), cache.Get("pattern", l), tol)
			for _, part := range []string{"attn_out", "mlp_out"} {
				if name == "opt_350m" && part == "mlp_out" {
					continue // OPT's MLPs are no modules, whose outputs the fixture could have
				}
				comparePart(t, file, part, l, m, cache, tol)
			}
		}
	})
}

// streamAfter is what a layer gives to the next.
func streamAfter(m *hooked.Model) string {
	if m.Config().NormAfterSum {
		return "normalized_resid_post"
	}
	return "resid_post"
}

// comparePart compares what attention or an MLP writes. The fixture has it before norms and
// multipliers that follow, and hook_attn_out and hook_mlp_out after them: there it is made of the
// fixture's own streams.
func comparePart(t *testing.T, file *golden.File, part string, l int, m *hooked.Model, cache *hooked.Cache, tol golden.Tolerance) {
	got := cache.Get(part, l).Float32s()
	want, _ := file.Floats(fmt.Sprint(part, "/", l))
	if c := m.Config(); c.NormalizesOutputs() {
		return // resid_post says what both add together
	} else if c.Architecture == "GraniteForCausalLM" || c.Architecture == "GraniteMoeForCausalLM" {
		scaleBy(want, 0.22) // residual_multiplier, which stands in W_O and W_out
	} else if c.Architecture == "MptForCausalLM" && part == "mlp_out" { // the residual stream included
		for i, v := range cache.Get("resid_mid", l).Float32s() {
			want[i] -= v
		}
	}
	golden.Close(t, fmt.Sprint(part, "/", l), got, want, tol)
}

// expertSites are the activations of a mixture of experts, by their names in the fixtures.
var expertSites = map[string]string{"in": "mlp.hook_in", "router_logits": "mlp.hook_router_logits", "experts": "mlp.hook_expert_indices",
	"gates": "mlp.hook_expert_gates", "expert_out": "mlp.hook_expert_out", "routed_out": "mlp.hook_routed_out",
	"shared_expert": "mlp.hook_shared_expert_out", "shared_expert_gate": "mlp.hook_shared_expert_gate"}

// TestExperts compares the scores, the choice, the gates and the outputs of experts with Hugging
// Face's. Another choice is an error, not rounding: no two scores of a fixture are near each other.
func TestExperts(t *testing.T) {
	forEachNewFamily(t, func(t *testing.T, be compute.Backend, name string) {
		file, tol := familyFile(t, name)
		m := loadFamily(t, name, hooked.NoProcessing, be)
		if len(file.Names("moe/")) == 0 {
			t.Skip("no experts")
		}
		sparse := 0
		_, cache := hooked.Must2(m.RunWithCache(hooked.Tokens(file.Ints("tokens")), hooked.Names("*", "*.hook_in", "*.hook_expert_out")))
		for l := range m.Config().NLayers {
			for part, hook := range expertSites {
				fixture := fmt.Sprint("moe/", l, "/", part)
				if !file.Has(fixture) {
					continue
				}
				sparse++
				got := cache.Get(fmt.Sprint("blocks.", l, ".", hook)).Float32s()
				want := valuesOf(t, file, fixture)
				if m.Config().Architecture == "GraniteMoeForCausalLM" && strings.HasSuffix(part, "_out") {
					scaleBy(want, 0.22) // residual_multiplier, which stands in W_out
				}
				golden.Close(t, fixture, got, want, tol)
			}
		}
		if sparse < 6 {
			t.Errorf("only %d tensors of experts were compared", sparse)
		}
	})
}

// valuesOf are a fixture's values, whole numbers as floats.
func valuesOf(t *testing.T, file *golden.File, name string) []float32 {
	t.Helper()
	if !strings.HasSuffix(name, "/experts") && !strings.HasSuffix(name, "hook_expert_indices") {
		values, _ := file.Floats(name)
		return values
	}
	var values []float32
	for _, row := range file.Ints(name) {
		for _, v := range row {
			values = append(values, float32(v))
		}
	}
	return values
}

func scaleBy(values []float32, by float32) {
	for i := range values {
		values[i] *= by
	}
}

// TestMixtralOfTransformerLens compares the activations that TransformerLens names too. Inside an
// expert it has only the rows of the tokens that chose it, those that chose it first before the
// rest.
func TestMixtralOfTransformerLens(t *testing.T) {
	file, tol := familyFile(t, "mixtral")
	m := loadFamily(t, "mixtral", hooked.NoProcessing, golden.PureGo(t))
	c := m.Config()
	_, cache := hooked.Must2(m.RunWithCache(hooked.Tokens(file.Ints("tokens")), hooked.Names("*", hooked.ExpertPre, hooked.ExpertPreLinear, hooked.ExpertPost)))
	inside := map[string]string{"hook_gate": "pre", "hook_pre": "pre_linear", "hook_post": "post"}
	for _, hook := range file.Names("cache/") {
		if part, number, ok := strings.Cut(hook, "mlp.experts."); ok {
			number, which, _ := strings.Cut(number, ".")
			expert := float32(hooked.Must(strconv.Atoi(number)))
			chosen := cache.Get(part + "mlp.hook_expert_indices").Float32s()
			slots := cache.Get(part + "mlp.hook_expert_" + inside[which]).Float32s()
			var rows []float32
			for slot := range c.ExpertsPerToken {
				for i := slot; i < len(chosen); i += c.ExpertsPerToken {
					if chosen[i] == expert {
						rows = append(rows, slots[i*c.DExpert:(i+1)*c.DExpert]...)
					}
				}
			}
			want, _ := file.Floats("cache/" + hook)
			golden.Close(t, hook, rows, want, tol)
			continue
		}
		golden.Close(t, hook, cache.Get(hook).Float32s(), valuesOf(t, file, "cache/"+hook), tol)
	}
}

// TestRouting replaces which experts a token uses: with those that it chose nothing changes, and
// with the other order of slots neither; with other experts the output is theirs, each with the
// gate that its score gives it.
func TestRouting(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		file, tol := familyFile(t, "olmoe")
		m := loadFamily(t, "olmoe", hooked.NoProcessing, be)
		tokens := hooked.Tokens(file.Ints("tokens"))
		logits, cache := hooked.Must2(m.RunWithCache(tokens))
		site := hooked.ExpertIndices.At(0)
		chosen := cache.Get(site)
		run := func(indices *hooked.Tensor) *hooked.Tensor {
			return hooked.Must(m.Run(tokens, hooked.Edit(site, hooked.Replace(indices))))
		}
		golden.Close(t, "the same experts", run(chosen).Float32s(), logits.Float32s(), tol)
		other := hooked.Must(m.NewTensor(&hooked.Array{Shape: chosen.Shape(), Data: reversedSlots(chosen.Float32s(), 3)}, "batch pos slot"))
		golden.Close(t, "in another order", run(other).Float32s(), logits.Float32s(), tol)
		first := hooked.Must(m.NewTensor(hooked.NewArray(chosen.Shape()...), "batch pos slot")) // expert 0 three times
		_, edited := hooked.Must2(m.RunWithCache(tokens, hooked.Edit(site, hooked.Replace(first)), hooked.Names("*", "*.hook_expert_out")))
		weights, out := edited.Get(hooked.ExpertWeights.At(0)).Float32s(), edited.Get(hooked.ExpertOut.At(0)).Float32s()
		c := m.Config()
		want := make([]float32, len(weights)/c.NExperts*c.DModel)
		for i := range want {
			token, d := i/c.DModel, i%c.DModel
			want[i] = 3 * weights[token*c.NExperts] * out[token*3*c.DModel+d]
		}
		golden.Close(t, "expert 0 alone", edited.Get(hooked.RoutedOut.At(0)).Float32s(), want, tol)
	})
}

func reversedSlots(x []float32, slots int) []float32 {
	out := slices.Clone(x)
	for i := 0; i < len(out); i += slots {
		slices.Reverse(out[i : i+slots])
	}
	return out
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
		if !file.Has("loss_per_token") {
			t.Skip("the same model as gpt_oss")
		}
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

// TestFamiliesSaved checks that what a model is saved as gives the same logits, and that it is
// refused nothing of its configuration on the way.
func TestFamiliesSaved(t *testing.T) {
	for _, name := range familyNames(t) {
		t.Run(name, func(t *testing.T) {
			file, tol := familyFile(t, name)
			m := loadFamily(t, name, hooked.DefaultProcessing, golden.PureGo(t))
			dir := filepath.Join(t.TempDir(), "saved")
			if err := m.Save(dir); err != nil {
				t.Fatal(err)
			}
			again := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
			a, b := m.Config(), again.Config()
			a.ModelName, b.ModelName = "", ""
			if !reflect.DeepEqual(a, b) {
				t.Errorf("\nsaved %+v\n  got %+v", a, b)
			}
			tokens := hooked.Tokens(file.Ints("tokens"))
			golden.Close(t, "logits", hooked.Must(again.Run(tokens)).Float32s(), hooked.Must(m.Run(tokens)).Float32s(), tol)
		})
	}
}

// TestFamilyGradients compares gradients of the loss with how it changes when the activation moves
// a little: through norms of all heads, sinks, routers and experts. The choice of experts stays.
func TestFamilyGradients(t *testing.T) {
	for name, sites := range map[string][]hooked.Site{
		"olmoe":   {hooked.ResidPre.At(1), hooked.RouterLogits.At(0), hooked.ExpertPre.At(0), hooked.ExpertOut.At(1), hooked.QNormNormalized.At(0)},
		"gpt_oss": {hooked.ResidPre.At(1), hooked.AttnScores.At(0), hooked.ExpertGates.At(0), hooked.ExpertPost.At(1)},
		"phimoe":  {hooked.ResidPre.At(1), hooked.ExpertGates.At(1)},
	} {
		t.Run(name, func(t *testing.T) {
			file, _ := familyFile(t, name)
			m := loadFamily(t, name, hooked.NoProcessing, golden.PureGo(t))
			tokens := hooked.Tokens(file.Ints("tokens"))
			_, cache, grads, err := m.LossWithGradients(tokens, hooked.Names(selectorsOf(sites)...), hooked.Gradients(selectorsOf(sites)...))
			if err != nil {
				t.Fatal(err)
			}
			for _, site := range sites {
				grad, value := grads.Get(site).Float32s(), cache.Get(site)
				step := make([]float32, len(grad)) // along the gradient
				var square float64
				for i, g := range grad {
					square += float64(g) * float64(g)
					step[i] = g
				}
				length := math.Sqrt(square)
				const small = 3e-4
				moved := func(sign float32) float64 {
					x := slices.Clone(value.Float32s())
					for i := range x {
						x[i] += sign * small * step[i] / float32(length)
					}
					tensor := hooked.Must(m.NewTensor(&hooked.Array{Shape: value.Shape(), Data: x}, strings.Join(value.AxisNames(), " ")))
					return float64(hooked.Must(m.Loss(tokens, hooked.Edit(site, hooked.Replace(tensor)))).Float32s()[0])
				}
				if got := (moved(1) - moved(-1)) / (2 * small); !(math.Abs(got-length) < 0.02*length+1e-3) {
					t.Errorf("%s: the loss changes by %v a step, the gradient says %v", site, got, length)
				}
			}
		})
	}
}

// TestExpertsHalved runs a mixture of experts in bfloat16: near the logits of float32.
func TestExpertsHalved(t *testing.T) {
	file, _ := familyFile(t, "olmoe")
	tokens := hooked.Tokens(file.Ints("tokens")[:1])
	dir := "testdata/families/olmoe"
	half := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t), DType: hooked.BF16}))
	whole := loadFamily(t, "olmoe", hooked.NoProcessing, golden.PureGo(t))
	golden.Close(t, "logits", hooked.Must(half.Run(tokens)).Float32s(), hooked.Must(whole.Run(tokens)).Float32s(), golden.Tolerance{Abs: 0.15, Rel: 0.05})
}

func selectorsOf(sites []hooked.Site) []hooked.Selector {
	var out []hooked.Selector
	for _, s := range sites {
		out = append(out, s)
	}
	return out
}

// TestNormAfterSum checks what is refused in OPT-350m, whose residual stream is no sum, and the
// order of its sites.
func TestNormAfterSum(t *testing.T) {
	m := loadFamily(t, "opt_350m", hooked.DefaultProcessing, golden.PureGo(t))
	_, cache := hooked.Must2(m.RunWithCache([]int{5, 6, 7}))
	_, _, parts := cache.DecomposeResid()
	_, _, layers := cache.AccumulatedResid()
	_, divided := cache.ApplyLNToStack(cache.Get("resid_pre", 1))
	_, branches := m.Branches(cache, sweeps.Spec[hooked.Site]{})
	for what, err := range map[string]error{"DecomposeResid": parts, "AccumulatedResid": layers, "ApplyLNToStack": divided, "a sweep": branches} {
		if err == nil || !strings.Contains(err.Error(), "no sum of what the layers write") {
			t.Errorf("%s: %v", what, err)
		}
	}
	golden.Close(t, "the next layer's stream", cache.Get("normalized_resid_post", 0).Float32s(), cache.Get("resid_pre", 1).Float32s(), golden.Tolerance{})
	if m.Applied() != hooked.NoProcessing || len(m.Skipped()) == 0 {
		t.Errorf("processing was applied: %v, %v", m.Applied(), m.Skipped())
	}
	for _, s := range m.Config().Sites() {
		if strings.HasPrefix(s.Name(), "ln_final") || strings.HasSuffix(s.Name(), "hook_mlp_in") {
			t.Errorf("it has a site %s", s)
		}
	}
}
