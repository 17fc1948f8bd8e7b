package circuits_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/golden"
	"gopherlens/internal/hub"
)

// What is saved is what was loaded, file by file and tensor by tensor.
func TestSave(t *testing.T) {
	for _, name := range fixtures {
		t.Run(name, func(t *testing.T) {
			from := filepath.Join("testdata", name, "transcoders")
			set := hooked.Must(circuits.Load(from))
			to := filepath.Join(t.TempDir(), "transcoders")
			if err := set.Save(to); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(from, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				sameFile(t, filepath.Join(to, filepath.Base(file)), file)
			}
			if written := hooked.Must(filepath.Glob(filepath.Join(to, "*"))); len(written) != len(files) {
				t.Errorf("%d files, want %d", len(written), len(files))
			}
			if err := set.Save(to); err == nil || !strings.Contains(err.Error(), "the folder holds") {
				t.Errorf("saving over others: %v", err)
			}
		})
	}
}

// sameFile compares a file of tensors, or a configuration without its layout.
func sameFile(t *testing.T, got, want string) {
	t.Helper()
	if filepath.Ext(want) == ".yaml" {
		lines := func(path string) []string {
			var all []string
			for _, line := range strings.Split(string(hooked.Must(os.ReadFile(path))), "\n") {
				all = append(all, strings.TrimSpace(line))
			}
			return all
		}
		if !slices.Equal(lines(got), lines(want)) {
			t.Errorf("%s: %q, want %q", want, lines(got), lines(want))
		}
		return
	}
	a, b := golden.Open(t, got), golden.Open(t, want)
	if !slices.Equal(a.Names(""), b.Names("")) {
		t.Errorf("%s: tensors %v, want %v", want, a.Names(""), b.Names(""))
		return
	}
	for _, name := range b.Names("") {
		x, xs := a.Floats(name)
		y, ys := b.Floats(name)
		if !slices.Equal(x, y) || !slices.Equal(xs, ys) {
			t.Errorf("%s: %s differs", want, name)
		}
	}
}

// Gemma Scope's files are read where a configuration names them, at the sites that it says.
func TestGemmaScope(t *testing.T) {
	for name, c := range map[string]struct{ from, file, in string }{
		"1": {"gemma_scope_transcoder/layer_1/width_16k/average_l0_30", "params.npz", "ln2.hook_normalized"},
		"2": {"gemma_scope2_transcoder/transcoder/layer_1_width_16k_l0_medium_affine", "params.safetensors", "mlp.hook_in"},
	} {
		dir := t.TempDir()
		text := "model_name: gemma\nmodel_kind: transcoder_set\nfeature_input_hook: " + c.in + "\nfeature_output_hook: hook_mlp_out\ntranscoders:\n"
		for _, layer := range []string{"layer_0", "layer_1"} {
			from := os.DirFS(filepath.Join("../dictionary/testdata/layouts", c.from))
			if err := os.CopyFS(filepath.Join(dir, layer, "transcoder"), from); err != nil {
				t.Fatal(err)
			}
			text += "- " + layer + "/transcoder/" + c.file + "\n"
		}
		if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		set, err := circuits.Load(dir)
		if err != nil {
			t.Errorf("Gemma Scope %s: %v", name, err)
			continue
		}
		file := golden.Open(t, filepath.Join("../dictionary/testdata/layouts", strings.Split(c.from, "/")[0], "golden.safetensors"))
		want, _ := file.Floats("weights/W_enc")
		golden.Close(t, "W_enc", set.Layers[1].Weights["W_enc"].Float32s(), want, golden.Default)
		if in, out := set.Sites(); in != c.in || out != "hook_mlp_out" {
			t.Errorf("Gemma Scope %s: %s -> %s", name, in, out)
		}
	}
}

// From the cache of the hub, by the names of repositories.
func TestHub(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	t.Setenv("HF_HUB_OFFLINE", "1")
	const commit = "0123456789abcdef0123456789abcdef01234567"
	repo := func(name, fixture string, config func(string) string) {
		dir := filepath.Join(cache, "models--"+strings.ReplaceAll(name, "/", "--"))
		to := filepath.Join(dir, "snapshots", commit, "set")
		if err := os.CopyFS(to, os.DirFS(filepath.Join("testdata", fixture, "transcoders"))); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, "refs"), 0o755); err != nil {
			t.Fatal(err)
		}
		text := config(string(hooked.Must(os.ReadFile(filepath.Join(to, "config.yaml")))))
		for path, text := range map[string]string{filepath.Join(dir, "refs", "main"): commit, filepath.Join(to, "config.yaml"): text} {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	asItIs := func(text string) string { return text }
	repo("a/per-layer", "llama_plt_skip", asItIs)
	repo("a/cross-layer", "llama_clt", asItIs)
	repo("a/unlisted", "llama_plt_skip", func(text string) string { return text[:strings.Index(text, "transcoders:")] })
	repo("a/elsewhere", "llama_plt_skip", func(text string) string {
		return strings.ReplaceAll(text, "- layer", "- hf://a/per-layer/set/layer")
	})
	repo("a/nowhere", "llama_plt_skip", func(text string) string { return strings.ReplaceAll(text, "- layer", "- hf://a/b/set/layer") })
	for name, fixture := range map[string]string{"per-layer": "llama_plt_skip", "cross-layer": "llama_clt", "unlisted": "llama_plt_skip", "elsewhere": "llama_plt_skip"} {
		set, err := circuits.Load("a/" + name + "/set")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := hooked.Must(circuits.Load("testdata/" + fixture + "/transcoders"))
		for l, d := range want.Layers {
			if len(set.Layers) != len(want.Layers) || !slices.Equal(set.Layers[l].Weights["W_enc"].Float32s(), d.Weights["W_enc"].Float32s()) {
				t.Errorf("%s: layer %d of %d differs", name, l, len(set.Layers))
			}
		}
	}
	if _, err := circuits.Load("a/nowhere/set"); !errors.Is(err, hub.ErrOffline) {
		t.Errorf("%v, want ErrOffline", err)
	}
	if _, err := circuits.Load("testdata/llama_clt/transcoders", circuits.LoadOptions{Revision: "v1"}); err == nil {
		t.Error("a folder with a revision is loaded")
	}
}

// changed is a copy of a fixture's transcoders with one file changed.
func changed(t *testing.T, name, file string, change func(text string) string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "transcoders")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name, "transcoders"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, file)
	text := change(string(hooked.Must(os.ReadFile(path))))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if text != "" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// replace replaces one text by another, which must be as long in a file of tensors.
func replace(old, by string) func(string) string {
	return func(text string) string { return strings.Replace(text, old, by, 1) }
}

func TestRefusedFiles(t *testing.T) {
	none := func(string) string { return "" }
	for name, c := range map[string]struct {
		fixture, file string
		change        func(string) string
		want          string
	}{
		"a field that nobody knows":  {"gpt2_plt", "config.yaml", replace("scan:", "normalize: true\nscan:"), `field "normalize" is not known`},
		"another kind":               {"gpt2_plt", "config.yaml", replace("transcoder_set", "saes"), `"model_kind" = "saes" is not supported`},
		"no kind":                    {"gpt2_plt", "config.yaml", replace("model_kind: transcoder_set\n", ""), `field "model_kind" is missing`},
		"no YAML":                    {"gpt2_plt", "config.yaml", func(string) string { return "a: [" }, "config.yaml"},
		"a path outside":             {"gpt2_plt", "config.yaml", replace("layer_0", "../layer_0"), "want a path inside the folder"},
		"a missing file":             {"gpt2_plt", "layer_1.safetensors", none, `file "layer_1.safetensors" is missing`},
		"a tensor that nobody knows": {"gpt2_plt", "layer_1.safetensors", replace(`"b_enc"`, `"c_enc"`), "tensors that are not known: c_enc"},
		"layers in another order":    {"gpt2_plt", "config.yaml", replace("- layer_2.safetensors\n", ""), ""},
		"one of another width": {"gpt2_plt", "layer_1.safetensors", func(string) string {
			return string(hooked.Must(os.ReadFile("testdata/llama_plt_skip/transcoders/layer_1.safetensors")))
		}, "must be alike"},
		"a gap among the layers": {"llama_clt", "W_enc_1.safetensors", none, "that of layer 1 is missing"},
		"no layer":               {"llama_clt", "W_dec_0.safetensors", none, "no files W_enc_0"},
		"decoders of other layers": {"llama_clt", "W_dec_1.safetensors", func(string) string {
			return strings.Replace(string(hooked.Must(os.ReadFile("testdata/llama_clt/transcoders/W_dec_0.safetensors"))), "W_dec_0", "W_dec_1", 1)
		}, "want [feature, layer, d_model]"},
		"a list for cross-layer": {"llama_clt", "config.yaml", replace("scan:", "transcoders: [a]\nscan:"), "is for per-layer transcoders"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := circuits.Load(changed(t, c.fixture, c.file, c.change))
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
	if _, err := circuits.Load(t.TempDir()); err == nil {
		t.Error("an empty folder is loaded")
	}
}

// Weights that are no numbers are refused.
func TestNaNWeights(t *testing.T) {
	set := hooked.Must(circuits.Load("testdata/llama_clt/transcoders"))
	d := set.Layers[0]
	for _, name := range []string{"W_enc", "b_enc"} {
		weights := make(hooked.StateDict)
		for n, w := range d.Weights {
			weights[n] = &hooked.Array{Shape: w.Shape(), Data: slices.Clone(w.Float32s())}
		}
		weights[name].Data[3] /= 0
		if _, err := dictionary.New(d.Config, weights); err == nil || !strings.Contains(err.Error(), "finite") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Transcoders that do not fit the model, or that no edge can be computed of.
func TestRefusedTranscoders(t *testing.T) {
	gpt2 := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	gemma := hooked.Must(hooked.FromPretrained("../testdata/arch/gemma2", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	load := func(name string) *circuits.Transcoders {
		return hooked.Must(circuits.Load("testdata/" + name + "/transcoders"))
	}
	with := func(change func(c *dictionary.Config)) *circuits.Transcoders {
		set := load("gpt2_plt")
		var layers []*dictionary.Dictionary
		for _, d := range set.Layers {
			copied := *d
			copied.Weights = maps.Clone(d.Weights)
			change(&copied.Config)
			layers = append(layers, &copied)
		}
		return &circuits.Transcoders{Layers: layers}
	}
	short := load("gpt2_plt")
	short.Layers = short.Layers[:2]
	swapped := load("gpt2_plt")
	slices.Reverse(swapped.Layers)
	for name, c := range map[string]struct {
		m    *hooked.Model
		set  *circuits.Transcoders
		want string
	}{
		"another width":      {gpt2, load("llama_plt_skip"), "they are 36 wide, and the model's residual stream 24"},
		"another depth":      {gemma, load("gpt2_plt"), "there are 3, and the model has 4 layers"},
		"a layer is missing": {gpt2, short, "there are 2, and the model has 3 layers"},
		"another order":      {gpt2, swapped, "the order of the layers"},
		"no transcoders":     {gpt2, nil, "there are no transcoders"},
		"no model":           {nil, load("gpt2_plt"), "model"},
		"a normalized input": {gpt2, with(func(c *dictionary.Config) { c.Normalization = dictionary.LayerNormed }), "normalizes its input"},
		"no transcoder":      {gpt2, with(func(c *dictionary.Config) { c.Kind, c.HookOut = dictionary.Standard, c.Hook }), "want a transcoder"},
		"another output":     {gpt2, with(func(c *dictionary.Config) { c.HookOut = strings.Replace(c.HookOut, "hook_mlp_out", "hook_attn_out", 1) }), "want the MLP's output"},
		"no such site":       {gpt2, with(func(c *dictionary.Config) { c.Hook = strings.Replace(c.Hook, "ln2", "ln3", 1) }), `no site "blocks.0.ln3.hook_normalized"`},
		"a site of another width": {gpt2, with(func(c *dictionary.Config) {
			c.Hook = strings.Replace(c.Hook, "ln2.hook_normalized", "mlp.hook_post", 1)
		}),
			"want [batch, pos, d_model]"},
		"a site behind": {gpt2, with(func(c *dictionary.Config) {
			c.Hook = strings.Replace(c.Hook, "ln2.hook_normalized", "hook_resid_post", 1)
		}), "comes after"},
		"an output before the norm": {gemma, func() *circuits.Transcoders {
			set := load("gemma2_plt")
			for _, d := range set.Layers {
				d.Config.HookOut = strings.Replace(d.Config.HookOut, "hook_mlp_out", "mlp.hook_out", 1)
			}
			return set
		}(), "before the norm"},
	} {
		if _, err := circuits.Replace(c.m, c.set); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
}
