package hooked_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// onDevicesEnv, set in the environment of such a test program, makes it one with four devices.
const onDevicesEnv = "GOPHERLENS_TEST_ON_DEVICES"

// devicesEnv, set to "whole", makes the tests on several devices run for every fixture: `make
// test-devices`.
const devicesEnv = "GOPHERLENS_TEST_DEVICES"

// grids are what four devices or two are used for. Both kinds of cuts at once, in CI alone; a
// program takes XLA a second to compile.
func grids() []hooked.Devices {
	if !onAllFixtures() {
		return []hooked.Devices{{Batch: 2, Weights: 2}}
	}
	return []hooked.Devices{{Batch: 4}, {Weights: 4}, {Batch: 2, Weights: 2}, {Batch: 2}, {Weights: 2}}
}

// batches are sizes of batches: those that cannot be cut into equal parts give the same.
func batches() []int {
	if !onAllFixtures() {
		return []int{2, 3}
	}
	return []int{1, 2, 3, 4, 5, 6}
}

func onAllFixtures() bool { return os.Getenv(devicesEnv) == "whole" }

// TestDevices runs all tests called OnDevices in a process that has four devices, in this process
// and, of one family, in the resident worker's.
func TestDevices(t *testing.T) {
	if os.Getenv(onDevicesEnv) != "" {
		t.Skip("this is such a process")
	}
	if _, ok := golden.Plugin(); !ok {
		t.Skip("no PJRT plugin is installed, so XLA is not tested: run `make setup`")
	}
	worker := t.TempDir()
	if err := os.Chmod(worker, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ args, env []string }{
		"here": {[]string{"-test.run=OnDevices$|TestRefusedDevices"}, nil},
		// twice, so that the second finds the weights in the worker
		"in the worker": {[]string{"-test.run=FamiliesOnDevices/xla/mistral", "-test.count=2"},
			[]string{"GOPHERLENS_TEST_RESIDENT=1", "GOPHERLENS_RESIDENT_DIR=" + worker, "GOPHERLENS_BIN=" + os.Args[0]}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], append(c.args, "-test.v")...)
			cmd.Env = append(os.Environ(), onDevicesEnv+"=1", "XLA_FLAGS=--xla_force_host_platform_device_count=4")
			cmd.Env = append(cmd.Env, c.env...)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestFamiliesOnDevices/xla/mistral/") {
				t.Errorf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

// onDevices runs a test where there are several devices: in a process of [TestDevices].
func onDevices(t *testing.T, test func(t *testing.T, be compute.Backend)) {
	t.Helper()
	if os.Getenv(onDevicesEnv) == "" {
		t.Skip("TestDevices runs this in a process of its own")
	}
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		if golden.IsPureGo(be) {
			t.Skip("pure Go has one device")
		}
		test(t, be)
	})
}

// named is a grid as the name of a test.
func named(d hooked.Devices) string { return fmt.Sprintf("%dx%d", max(1, d.Batch), max(1, d.Weights)) }

// briefly are the fixtures that run on several devices in CI: three heads, which are cut within;
// grouped heads; and experts.
var briefly = map[string][]hooked.Devices{"gpt2": {{Weights: 4}}, "mistral": {{Batch: 4}, {Batch: 2, Weights: 2}}, "mixtral": {{Weights: 2}}}

// loadOnDevices loads a fixture's checkpoint on several devices; nil if its weights cannot be cut
// so, which is checked.
func loadOnDevices(t *testing.T, dir string, p hooked.Processing, be compute.Backend, d hooked.Devices) *hooked.Model {
	t.Helper()
	m, err := hooked.FromPretrained(dir, p, hooked.LoadOptions{Backend: be, Devices: d})
	if err == nil {
		return m
	}
	c := hooked.Must(hooked.FromPretrained(dir, p, hooked.LoadOptions{Backend: be})).Config()
	if w := max(1, d.Weights); (c.NHeads%w == 0 || c.DHead%w == 0) && c.DMLP%w == 0 && c.DExpert%w == 0 || !strings.Contains(err.Error(), "cannot be cut") {
		t.Fatal(err)
	}
	return nil
}

// TestFamiliesOnDevices compares logits and every activation of all families with TransformerLens
// and Hugging Face, on two devices and four. Each prompt of a fixture stands twice in the batch.
func TestFamiliesOnDevices(t *testing.T) {
	onDevices(t, func(t *testing.T, be compute.Backend) {
		for _, dir := range slices.Concat(hooked.Must(filepath.Glob("testdata/arch/*")), hooked.Must(filepath.Glob("testdata/families/*"))) {
			name := filepath.Base(dir)
			on := grids()
			if !onAllFixtures() {
				on = briefly[name]
			}
			var g archGolden
			golden.JSON(t, filepath.Join(dir, "golden.json"), &g)
			file := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
			tol := golden.Tolerance{Abs: g.Tolerance.Abs, Rel: g.Tolerance.Rel}
			for _, d := range on {
				t.Run(name+"/"+named(d), func(t *testing.T) {
					m := loadOnDevices(t, dir, hooked.NoProcessing, be, d)
					if m == nil {
						t.Skip("its weights cannot be cut so, and are refused")
					}
					comparePair(t, file, m, tol)
				})
			}
		}
	})
}

// comparePair compares a run of a fixture's prompts, each twice, with the fixture.
func comparePair(t *testing.T, file *golden.File, m *hooked.Model, tol golden.Tolerance) {
	tokens := file.Ints("tokens")
	logits, cache := hooked.Must2(m.RunWithCache(hooked.Tokens(slices.Concat(tokens, tokens))))
	compared := 0
	check := func(name string, got *hooked.Tensor) {
		want, shape := file.Floats(name)
		values := got.Float32s()
		if len(values) != 2*len(want) || got.Shape()[0] != 2*len(tokens) {
			t.Fatalf("%s: shape %v, want twice %v", name, got.Shape(), shape)
		}
		golden.Close(t, name, values[:len(want)], want, tol)
		golden.Close(t, name+" again", values[len(want):], want, tol)
		compared++
	}
	check("hf_logits", logits)
	for _, hook := range file.Names("cache/") {
		if !strings.Contains(hook, "experts.") { // which are other sites here, see TestExperts
			check("cache/"+hook, cache.Get(hook))
		}
	}
	for _, part := range []string{"resid_post", "pattern"} {
		for l := range m.Config().NLayers {
			if name := fmt.Sprint(part, "/", l); file.Has(name) {
				check(name, cache.Get(part, l))
			}
		}
	}
	if compared < 2*m.Config().NLayers {
		t.Errorf("only %d results were compared", compared)
	}
}

// onOneAndMany runs a test with a model on one device and on each grid of many.
func onOneAndMany(t *testing.T, family string, test func(t *testing.T, one, many *hooked.Model)) {
	onDevices(t, func(t *testing.T, be compute.Backend) {
		one := load(t, family, hooked.DefaultProcessing, be)
		for _, d := range grids() {
			t.Run(named(d), func(t *testing.T) {
				many := loadOnDevices(t, "testdata/arch/"+family, hooked.DefaultProcessing, be, d)
				if many == nil {
					t.Fatal("its weights cannot be cut")
				}
				test(t, one, many)
			})
		}
	})
}

// same compares what one device and many give.
func same(t *testing.T, what string, one, many *hooked.Tensor) {
	t.Helper()
	if !slices.Equal(one.Shape(), many.Shape()) || !slices.Equal(one.AxisNames(), many.AxisNames()) {
		t.Fatalf("%s is %v, on one device %v", what, many.Describe(), one.Describe())
	}
	golden.Close(t, what, many.Float32s(), one.Float32s(), golden.Default)
}

// fewPrompts are prompts of ids that differ, n of them.
func fewPrompts(n int) hooked.Tokens { return golden.Rows(n, 7, 60) }

// TestGradientsOnDevices compares gradients by activations and by weights.
func TestGradientsOnDevices(t *testing.T) {
	onOneAndMany(t, "mistral", func(t *testing.T, one, many *hooked.Model) {
		tokens, weight := fewPrompts(4), "blocks.1.attn.W_Q"
		_, _, want, err := one.LossWithGradients(tokens, hooked.Gradients("*hook_z", "*resid_pre"), hooked.GradientsOfWeights(weight))
		if err != nil {
			t.Fatal(err)
		}
		_, _, got, err := many.LossWithGradients(tokens, hooked.Gradients("*hook_z", "*resid_pre"), hooked.GradientsOfWeights(weight))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range want.Names() {
			same(t, "the gradient by "+name, want.Get(name), got.Get(name))
		}
	})
}

// TestGenerationOnDevices compares generated tokens, of a batch that is cut and of prompts that
// cannot be.
func TestGenerationOnDevices(t *testing.T) {
	onOneAndMany(t, "mistral", func(t *testing.T, one, many *hooked.Model) {
		for _, n := range batches() {
			want := hooked.Must(one.Generate(fewPrompts(n), noStop(5)))
			if got := hooked.Must(many.Generate(fewPrompts(n), noStop(5))); !slices.EqualFunc(got, want, slices.Equal) {
				t.Errorf("%d prompts go on as %v, on one device as %v", n, got, want)
			}
		}
	})
}

// throughHeads is what all heads write, before the bias.
const throughHeads = "batch pos head d_head, head d_head d_model -> batch pos d_model"

// TestEditsOnDevices compares runs with edits and their run-time values, of batches of all sizes:
// those that cannot be cut into equal parts give the same.
func TestEditsOnDevices(t *testing.T) {
	onOneAndMany(t, "gpt2", func(t *testing.T, one, many *hooked.Model) {
		for _, n := range batches() {
			edit := hooked.Edit(hooked.AttnZ.At(1), hooked.ScaleBy(3, hooked.Head(0, 2)))
			want, wantCache := hooked.Must2(one.RunWithCache(fewPrompts(n), edit))
			got, gotCache := hooked.Must2(many.RunWithCache(fewPrompts(n), edit))
			same(t, fmt.Sprint("logits of ", n), want, got)
			for _, name := range []string{"pattern", "z", "mlp_post", "resid_post"} {
				same(t, fmt.Sprint(name, " of ", n), wantCache.Get(name, 1), gotCache.Get(name, 1))
			}
			same(t, "products of activations", wantCache.Get("z", 1).Einsum(throughHeads, hooked.Must(one.Weight("blocks.1.attn.W_O"))),
				gotCache.Get("z", 1).Einsum(throughHeads, hooked.Must(many.Weight("blocks.1.attn.W_O"))))
		}
	})
}

// TestSweepsOnDevices compares sweeps of patching and their gradients' approximations.
func TestSweepsOnDevices(t *testing.T) {
	onOneAndMany(t, "mistral", func(t *testing.T, one, many *hooked.Model) {
		kinds := []patching.Kind{{Site: hooked.AttnZ, Over: "layer head"}, patching.ResidPre}
		if !onAllFixtures() {
			kinds = kinds[:1]
		}
		for _, kind := range kinds {
			sweep := patching.Sweep{Kind: kind, Base: fewPrompts(4)[:2], Source: patching.FromTokens(fewPrompts(4)[2:]),
				Metric: hooked.LogitDiff(hooked.Tokens{{5, 6}, {7, 8}})}
			want, got := hooked.Must(sweep.Run(one)), hooked.Must(sweep.Run(many))
			golden.Close(t, "a sweep", got.Float32s(), want.Float32s(), golden.Default)
			want, got = hooked.Must(sweep.Attribution(one)), hooked.Must(sweep.Attribution(many))
			golden.Close(t, "attributions", got.Float32s(), want.Float32s(), golden.Default)
		}
	})
}

// TestWeightsOnDevices compares weights, which are cut, with those of one device, and what they
// take on each: an nth of what has heads, columns or a vocabulary that can be cut, and all else
// whole.
func TestWeightsOnDevices(t *testing.T) {
	onOneAndMany(t, "mistral", func(t *testing.T, one, many *hooked.Model) {
		var grid hooked.Devices
		if _, err := fmt.Sscanf(t.Name()[strings.LastIndex(t.Name(), "/"):], "/%dx%d", &grid.Batch, &grid.Weights); err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, name := range hooked.Must(one.WeightNames()) {
			w := hooked.Must(one.Weight(name))
			same(t, name, w, hooked.Must(many.Weight(name)))
			size := 4 * len(w.Float32s())
			for _, axis := range []string{"head", "d_head", "d_mlp", "d_vocab"} {
				if i := slices.Index(w.AxisNames(), axis); i >= 0 && w.Shape()[i]%grid.Weights == 0 && !strings.Contains(name, "ln") {
					size /= grid.Weights
					break
				}
			}
			if !strings.Contains(name, ".b_") { // the family has none
				want += size
			}
		}
		memory := hooked.Must(many.DeviceMemory())
		if len(memory) != grid.Batch*grid.Weights {
			t.Errorf("%d devices have weights, want %d", len(memory), grid.Batch*grid.Weights)
		}
		for d, got := range memory {
			if int(got) != want {
				t.Errorf("device %d has %d bytes of weights, want %d", d, got, want)
			}
		}
		if text := many.String(); !strings.Contains(text, fmt.Sprintf("on %d devices", len(memory))) || !strings.Contains(text, "MB on each") {
			t.Errorf("the model says nothing of its devices:\n%s", text)
		}
	})
}

// TestRefusedDevices checks what cannot be done: too many devices, a grid that is none, weights
// that cannot be cut, options of what loads no model.
func TestRefusedDevices(t *testing.T) {
	onDevices(t, func(t *testing.T, be compute.Backend) {
		for want, d := range map[string]hooked.Devices{
			"8 devices are asked for, and the backend xla has 4": {Batch: 4, Weights: 2},
			"-1 by 1 devices": {Batch: -1},
			"the model's 6 heads and their width of 6 cannot be cut": {Weights: 4},
		} {
			_, err := hooked.FromPretrained("testdata/arch/llama", hooked.NoProcessing, hooked.LoadOptions{Backend: be, Devices: d})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: error %v, want one with %q", d, err, want)
			}
		}
		cfg := tiny
		cfg.DMLP = 33
		if _, err := hooked.New(cfg, hooked.LoadOptions{Backend: be, Devices: hooked.Devices{Weights: 2}}); err == nil || !strings.Contains(err.Error(), "33 columns") {
			t.Errorf("an MLP of 33 columns cut in two: error %v", err)
		}
	})
}

// TestDevicesOfPureGo checks that the pure Go backend, which has one device, refuses more.
func TestDevicesOfPureGo(t *testing.T) {
	_, err := hooked.FromPretrained("testdata/arch/gpt2", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t), Devices: hooked.Devices{Batch: 2}})
	if err == nil || !strings.Contains(err.Error(), "pure Go computes on one") {
		t.Errorf("error %v", err)
	}
}

// TestEncoderDecoderOnDevices compares runs and generation of two stacks of layers with those on
// one device, where the sources have pads.
func TestEncoderDecoderOnDevices(t *testing.T) {
	source := golden.Rows(4, 9, 60)
	mask := [][]int{{1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 0, 0, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 0, 0}, {1, 1, 0, 0, 0, 0, 0, 0, 0}}
	target := fewPrompts(4)
	onDevices(t, func(t *testing.T, be compute.Backend) {
		run := func(d hooked.Devices) (*hooked.Tensor, *hooked.Cache, hooked.Tokens) {
			m := hooked.Must(hooked.EncoderDecoderFromPretrained("testdata/encoder_decoder/flan", hooked.LoadOptions{Backend: be, Devices: d}))
			logits, cache := hooked.Must2(m.RunWithCache(source, target, hooked.AttentionMask(mask)))
			return logits, cache, hooked.Must(m.Generate(source, hooked.Generation{MaxNewTokens: 4, StopTokens: []int{}}, hooked.AttentionMask(mask)))
		}
		logits, cache, text := run(hooked.Devices{})
		for _, d := range grids() {
			t.Run(named(d), func(t *testing.T) {
				got, many, written := run(d)
				same(t, "logits", logits, got)
				for _, name := range cache.Names() {
					if name != hooked.TokenIDs.String() {
						same(t, name, cache.Get(name), many.Get(name))
					}
				}
				if fmt.Sprint(written) != fmt.Sprint(text) {
					t.Errorf("it writes %v, and on one device %v", written, text)
				}
			})
		}
	})
}
