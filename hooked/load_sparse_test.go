package hooked_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// The checkpoints in testdata/sparse have config.json files that say little and files that say all;
// for Hugging Face's library they are the same models. Their README tells how they were made.

// sparseGolden is a fixture's golden.json.
type sparseGolden struct {
	// file -> field -> how far Hugging Face's logits move
	OmitOneField map[string]map[string]float64 `json:"omit_one_field"`
	Tolerance    struct {
		Abs float64 `json:"suggested_atol"`
		Rel float64 `json:"suggested_rtol"`
	}
}

func readSparse(t *testing.T, dir string) (sparseGolden, golden.Tolerance) {
	var g sparseGolden
	golden.JSON(t, filepath.Join(dir, "golden.json"), &g)
	return g, golden.Tolerance{Abs: g.Tolerance.Abs, Rel: g.Tolerance.Rel}
}

// sparseFamilies are the folders with a configuration of sizes only.
func sparseFamilies(t *testing.T) []string {
	files, err := filepath.Glob("testdata/sparse/*/config.json")
	if err != nil || len(files) < 16 {
		t.Fatal("fixtures are missing in testdata/sparse", files, err)
	}
	var dirs []string
	for _, file := range files {
		dirs = append(dirs, filepath.Dir(file))
	}
	return dirs
}

// TestSparseLogits runs each family's checkpoint with a configuration of sizes only, and reads all
// the others: they must be the same model.
func TestSparseLogits(t *testing.T) {
	for _, dir := range sparseFamilies(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			_, tol := readSparse(t, dir)
			file := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
			logits := sparseLogits(t, dir, file)
			if file.Has("hf_logits") {
				compare(t, file, "hf_logits", logits, tol)
			} else {
				first, _ := file.Floats("hf_logits_first")
				golden.Close(t, "first positions", logits.At(hooked.All, hooked.Range{0, 8}).Float32s(), first, tol)
				last, shape := file.Floats("hf_logits_last")
				n := logits.Shape()[1]
				golden.Close(t, "last positions", logits.At(hooked.All, hooked.Range{n - shape[1], n}).Float32s(), last, tol)
			}
			want := hooked.Must(hooked.ReadConfig(dir))
			others, _ := filepath.Glob(filepath.Join(dir, "config_*.json"))
			if len(others) < 4 {
				t.Fatal("configurations are missing", others)
			}
			for _, other := range others {
				got, err := hooked.ReadConfigFile(other)
				if err != nil {
					t.Errorf("%s: %v", filepath.Base(other), err)
				} else if !reflect.DeepEqual(got, want) {
					t.Errorf("%s:\n got %+v\nwant %+v", filepath.Base(other), got, want)
				}
			}
		})
	}
}

// sparseLogits are those of a model that may be an encoder.
func sparseLogits(t *testing.T, dir string, file *golden.File) *hooked.Tensor {
	tokens := hooked.Tokens(file.Ints("tokens"))
	options := hooked.LoadOptions{Backend: golden.PureGo(t)}
	if filepath.Base(dir) == "bert" {
		e, err := hooked.EncoderFromPretrained(dir, options)
		if err != nil {
			t.Fatal(err)
		}
		return hooked.Must(e.Run(tokens))
	}
	m, err := hooked.FromPretrained(dir, hooked.NoProcessing, options)
	if err != nil {
		t.Fatal(err)
	}
	return hooked.Must(m.Run(tokens))
}

// TestSparseOmissions leaves out one field at a time: the model must be what it is for Hugging
// Face, or the file refused.
func TestSparseOmissions(t *testing.T) {
	for _, dir := range sparseFamilies(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			g, _ := readSparse(t, dir)
			tried := 0
			for base, fields := range g.OmitOneField {
				want := hooked.Must(hooked.ReadConfigFile(filepath.Join(dir, base+".json")))
				for field, moved := range fields {
					tried++
					got, err := hooked.ReadConfigFile(without(t, filepath.Join(dir, base+".json"), field))
					switch same := reflect.DeepEqual(got, want); {
					case err != nil && moved == 0:
						t.Errorf("%s without %s: %v", base, field, err)
					case err == nil && same != (moved == 0):
						t.Errorf("%s without %s: the same model %v, for Hugging Face logits move by %g\n got %+v\nwant %+v", base, field, same, moved, got, want)
					}
				}
			}
			if tried == 0 {
				t.Fatal("the fixture leaves out no field")
			}
		})
	}
}

// without is a copy of a JSON file that lacks a field.
func without(t *testing.T, path, field string) string {
	var config map[string]any
	golden.JSON(t, path, &config)
	delete(config, field)
	out := filepath.Join(t.TempDir(), "config.json")
	write(t, out, hooked.Must(json.Marshal(config)))
	return out
}

// TestSparseDefaults compares each family's table of defaults with that of the configuration class,
// field by field.
func TestSparseDefaults(t *testing.T) {
	files, err := filepath.Glob("testdata/sparse/defaults/*.json")
	if err != nil || len(files) < 16 {
		t.Fatal("fixtures are missing in testdata/sparse/defaults", files, err)
	}
	classes := classesOfFixtures(t)
	for _, path := range files {
		var class struct {
			ModelType string `json:"model_type"`
			Fields    map[string]any
		}
		golden.JSON(t, path, &class)
		rope, _ := class.Fields["rope_parameters"].(map[string]any)
		table := hooked.Defaults(classes[class.ModelType])
		if len(table) < 7 {
			t.Errorf("%s: a table of %d defaults for class %q", path, len(table), classes[class.ModelType])
		}
		for name, got := range table {
			want, known := class.Fields[name]
			if spelling, moved := movedInside[name]; !known && moved {
				want = rope[spelling]
				if byKind, nested := rope[kindOfBase[name]].(map[string]any); nested {
					want = byKind[spelling]
				}
			}
			// the class forgets it where it is switched off
			if name == "sliding_window" && (want == nil || want == 0.0) {
				want = 4096.0
			}
			if name == "sliding_window_pattern" {
				if want, known = class.Fields["_"+name]; !known { // Cohere 2's class has it no more, its files do
					want = 4.0
				}
			}
			if want == nil && got == false { // a switch that the class may call "not set"
				continue
			}
			if g, w := asJSON(got), asJSON(want); g != w {
				t.Errorf("%s: %s is %s by default, the class has %s", filepath.Base(path), name, g, w)
			}
		}
	}
}

// classesOfFixtures are the classes that fixtures name, by their model_type.
func classesOfFixtures(t *testing.T) map[string]string {
	classes := make(map[string]string)
	for _, set := range []string{"sparse", "encoder", "encoder_decoder", "families"} {
		paths := hooked.Must(filepath.Glob("testdata/" + set + "/*/config.json"))
		if len(paths) == 0 {
			t.Fatal("no fixtures in testdata/" + set)
		}
		for _, path := range paths {
			var c struct {
				ModelType     string `json:"model_type"`
				Architectures []string
			}
			if golden.JSON(t, path, &c); classes[c.ModelType] == "" && len(c.Architectures) > 0 {
				classes[c.ModelType] = c.Architectures[0]
			}
		}
	}
	return classes
}

// movedInside are fields that transformers 5 moved into rope_parameters, by what they are called
// there.
var movedInside = map[string]string{"rope_theta": "rope_theta", "rotary_emb_base": "rope_theta", "rope_local_base_freq": "rope_theta",
	"partial_rotary_factor": "partial_rotary_factor", "rotary_pct": "partial_rotary_factor"}

var kindOfBase = map[string]string{"rope_theta": "full_attention", "rope_local_base_freq": "sliding_attention"}

func asJSON(v any) string { return string(hooked.Must(json.Marshal(v))) }

// TestSparseDescription checks that a model says what its file left to defaults.
func TestSparseDescription(t *testing.T) {
	m := hooked.Must(hooked.FromPretrained("testdata/sparse/gemma2", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	for _, part := range []string{"left to the family's defaults", "final_logit_softcapping 30", "num_key_value_heads 4", "query_pre_attn_scalar 256"} {
		if !strings.Contains(m.String(), part) {
			t.Errorf("the description does not say %q:\n%s", part, m)
		}
	}
	full := filepath.Join(copied(t, "testdata/sparse/gemma2"), "config.json")
	write(t, full, hooked.Must(os.ReadFile("testdata/sparse/gemma2/config_4.57.3_full.json")))
	m = hooked.Must(hooked.FromPretrained(filepath.Dir(full), hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	if strings.Contains(m.String(), "softcapping") {
		t.Errorf("a full file leaves nothing of this to defaults:\n%s", m)
	}
}

// TestSparseTies loads Llamas whose configuration ties the unembedding to the embedding, or does
// not, against files with and without an unembedding of their own.
func TestSparseTies(t *testing.T) {
	const note = "which is not the embedding"
	for name, want := range map[string]struct {
		logits string // of the fixture
		noted  bool
	}{
		"nothing_said_head_absent":  {},
		"nothing_said_head_present": {logits: "logits_with_head"},
		"tied_said_head_absent":     {logits: "logits_with_embedding"},
		"tied_said_head_differs":    {logits: "logits_with_head", noted: true},
		"tied_said_head_equal":      {logits: "logits_with_embedding"},
		"untied_said_head_present":  {logits: "logits_with_head"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata/sparse/ties", name)
			m, err := hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
			if want.logits == "" {
				if err == nil || !strings.Contains(err.Error(), "lm_head.weight") || !strings.Contains(err.Error(), "tie_word_embeddings") {
					t.Fatalf("want a refusal that names lm_head.weight and tie_word_embeddings, got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, tol := readSparse(t, dir)
			file := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
			compare(t, file, want.logits, hooked.Must(m.Run(hooked.Tokens(file.Ints("tokens")))), tol)
			if got := strings.Contains(m.String(), note); got != want.noted {
				t.Errorf("the description says %q: %v, want %v\n%s", note, got, want.noted, m)
			}
		})
	}
}

// TestContradictions changes a config.json against the tensors beside it, or against itself: each
// must be refused by name.
func TestContradictions(t *testing.T) {
	for _, test := range []struct {
		family string
		change map[string]any
		want   []string
	}{
		{"qwen3", map[string]any{"attention_bias": true}, []string{"q_proj.bias", "attention_bias"}},
		{"opt", map[string]any{"enable_bias": false}, []string{"bias", "enable_bias"}},
		{"gpt_neox", map[string]any{"attention_bias": false}, []string{"attention.dense.bias", "attention_bias"}},
		{"llama", map[string]any{"mlp_bias": true}, []string{"mlp_bias"}},
		{"llama", map[string]any{"rms_norm_eps": 0}, []string{"rms_norm_eps", "0"}},
		{"llama", map[string]any{"num_key_value_heads": 0}, []string{"num_key_value_heads", "0"}},
		{"llama", map[string]any{"head_dim": 0}, []string{"head_dim", "0"}},
		{"llama", map[string]any{"rope_theta": -1}, []string{"rope_theta", "-1"}},
		{"llama", map[string]any{"rope_scaling": map[string]any{"type": "linear", "factor": -1}}, []string{"factor", "-1"}},
		{"llama", map[string]any{"rope_scaling": map[string]any{"type": "linear"}}, []string{"factor"}},
		{"llama", map[string]any{"partial_rotary_factor": 0.5}, []string{"partial_rotary_factor", "0.5"}},
		{"llama", map[string]any{"attention_bias": "yes"}, []string{"attention_bias", "yes", "truth value"}},
		{"llama", map[string]any{"tie_word_embeddings": "yes"}, []string{"tie_word_embeddings", "yes", "truth value"}},
		{"llama", map[string]any{"num_hidden_layers": 4096}, []string{"layers.2."}},
		{"gemma2", map[string]any{"final_logit_softcapping": 0}, []string{"final_logit_softcapping", "0"}},
		{"gemma2", map[string]any{"num_key_value_heads": null}, []string{"num_key_value_heads"}},
		{"gemma2", map[string]any{"layer_types": []string{"full_attention"}}, []string{"layer_types", "1", "2"}},
		{"gptj", map[string]any{"rotary_dim": null}, []string{"rotary_dim"}},
		{"gpt2", map[string]any{"n_layer": 2, "num_hidden_layers": 3}, []string{"n_layer", "num_hidden_layers"}},
		{"gpt2", map[string]any{"add_cross_attention": true}, []string{"add_cross_attention"}},
		{"phi", map[string]any{"qk_layernorm": true}, []string{"qk_layernorm"}},
		{"mistral", map[string]any{"sliding_window": 0}, []string{"sliding_window", "0"}},
		{"llama", map[string]any{"pruned_heads": map[string]any{"0": []int{1}}}, []string{"pruned_heads"}},
		{"llama", map[string]any{"quantization_config": map[string]any{"bits": 4}}, []string{"quantization_config"}},
	} {
		t.Run(fmt.Sprint(test.family, test.change), func(t *testing.T) {
			dir := copied(t, filepath.Join("testdata/sparse", test.family))
			editConfig(t, dir, test.change)
			_, err := hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
			if err == nil {
				t.Fatal("it loads")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
		})
	}
}

// null is JSON's.
var null = json.RawMessage("null")

// TestOtherNames reads fields under the other names that a family's class knows for them.
func TestOtherNames(t *testing.T) {
	want := hooked.Must(hooked.ReadConfig("testdata/sparse/gpt2"))
	dir := copied(t, "testdata/sparse/gpt2")
	var config map[string]any
	golden.JSON(t, filepath.Join(dir, "config.json"), &config)
	editConfig(t, dir, map[string]any{"n_layer": nil, "num_hidden_layers": config["n_layer"], "n_embd": nil, "hidden_size": config["n_embd"]})
	got := hooked.Must(hooked.ReadConfig(dir))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	if !slices.Contains([]int{2, 3}, want.NLayers) {
		t.Errorf("%d layers", want.NLayers)
	}
}

// TestSpellings reads files that say one thing in ways that real ones do.
func TestSpellings(t *testing.T) {
	llama3 := map[string]any{"rope_type": "llama3", "factor": 32, "low_freq_factor": 1, "high_freq_factor": 4,
		"original_max_position_embeddings": 8192}
	window := func(c hooked.Config) int { return c.WindowSize }
	context := func(c hooked.Config) int { return c.NCtx }
	scaling := func(c hooked.Config) int { return int(c.RotaryScaling.Factor) }
	for _, test := range []struct {
		what, family string
		change       map[string]any
		got          func(hooked.Config) int
		want         int
	}{
		{"Llama 3.2's context is the file's", "llama", map[string]any{"max_position_embeddings": 131072, "rope_scaling": llama3}, context, 131072},
		{"Qwen's window, by the class's default", "qwen2", map[string]any{"use_sliding_window": true, "max_window_layers": 1}, window, 4096},
		{"Qwen's window, switched off", "qwen2", map[string]any{"use_sliding_window": true, "max_window_layers": 1, "sliding_window": null}, window, 0},
		{"Mistral without a window, layer by layer", "mistral", map[string]any{"sliding_window": null, "layer_types": []string{"full_attention", "full_attention"}}, window, 0},
		{"linear scaling with an original context", "llama", map[string]any{"rope_scaling": map[string]any{"type": "linear", "factor": 4,
			"original_max_position_embeddings": 2048}}, scaling, 4},
		{"two spellings of a type, the newer holds", "llama", map[string]any{"rope_scaling": map[string]any{"type": "dynamic", "rope_type": "linear",
			"factor": 4}}, scaling, 4},
		{"Gemma 3 with a list in place of a pattern", "gemma3", map[string]any{"sliding_window_pattern": null,
			"layer_types": []string{"sliding_attention", "full_attention"}}, window, 4096},
	} {
		dir := copied(t, filepath.Join("testdata/sparse", test.family))
		var config map[string]any
		golden.JSON(t, filepath.Join(dir, "config.json"), &config)
		if list, ok := test.change["layer_types"].([]string); ok { // as long as the fixture is deep
			for n := int(config["num_hidden_layers"].(float64)); len(list) < n; {
				list = append(list, list[0])
				test.change["layer_types"] = list
			}
		}
		editConfig(t, dir, test.change)
		c, err := hooked.ReadConfig(dir)
		if err != nil {
			t.Errorf("%s: %v", test.what, err)
		} else if got := test.got(c); got != test.want {
			t.Errorf("%s: %d, want %d", test.what, got, test.want)
		}
	}
}
