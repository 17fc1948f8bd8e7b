package hooked_test

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestFormats loads checkpoints with the hub's quirks: names without a prefix, buffers among the
// weights, shards, and 16-bit numbers.
func TestFormats(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range []string{"gpt2_hub", "gpt_neox_fp16_buffers", "llama_sharded_bf16"} {
			t.Run(name, func(t *testing.T) {
				dir := filepath.Join("testdata/formats", name)
				m, err := hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: be})
				if err != nil {
					t.Fatal(err)
				}
				if name == "llama_sharded_bf16" {
					m = withRoundedAngles(t, m, be)
				}
				file := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
				compare(t, file, "hf_logits", hooked.Must(m.Run(hooked.Tokens(file.Ints("tokens")))), golden.Default)
			})
		}
	})
}

// withRoundedAngles is a model with its rotary frequencies rounded to bfloat16. The fixture's model
// was rounded as a whole and widened again, its table of frequencies with it; no checkpoint holds
// that table, so a plain load computes it exactly and is 1e-3 off.
func withRoundedAngles(t *testing.T, m *hooked.Model, be compute.Backend) *hooked.Model {
	t.Helper()
	cfg := m.Config()
	half := cfg.RotaryDim / 2
	for i := range half {
		exact := math.Pow(cfg.RotaryBase, -float64(i)/float64(half))
		bits := math.Float32bits(float32(exact))
		bits = (bits + 0x7fff + bits>>16&1) &^ 0xffff // to nearest, ties to even
		cfg.RotaryFactors = append(cfg.RotaryFactors, exact/float64(math.Float32frombits(bits)))
	}
	rounded, err := hooked.FromStateDict(cfg, hooked.Must(m.StateDict()), hooked.NoProcessing, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return rounded
}

// TestOlderConfigs reads each family's configuration in the spelling of transformers 4 and in that
// of 5.
func TestOlderConfigs(t *testing.T) {
	for _, name := range families(t) {
		newer := load(t, name, hooked.NoProcessing, golden.PureGo(t)).Config()
		dir := copied(t, filepath.Join("testdata/arch", name))
		older := filepath.Join("testdata/arch", name, "config_v4.json")
		write(t, filepath.Join(dir, "config.json"), hooked.Must(os.ReadFile(older)))
		m, err := loadHere(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		got := m.Config()
		got.ModelName = newer.ModelName
		if !reflect.DeepEqual(got, newer) {
			t.Errorf("%s:\n older %+v\n newer %+v", name, got, newer)
		}
	}
}

// copied is a folder with copies of another's configuration and weights.
func copied(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors"} {
		write(t, filepath.Join(dir, name), hooked.Must(os.ReadFile(filepath.Join(from, name))))
	}
	return dir
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// loadHere loads a folder on pure Go and, since weights are read when first needed, runs it.
func loadHere(t *testing.T, dir string) (*hooked.Model, error) {
	t.Helper()
	m, err := hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
	if err != nil {
		return nil, err
	}
	_, err = m.Run([]int{1, 2, 3})
	return m, err
}

// editConfig changes fields of a folder's config.json; nil removes one.
func editConfig(t *testing.T, dir string, changes map[string]any) {
	t.Helper()
	path := filepath.Join(dir, "config.json")
	var config map[string]any
	golden.JSON(t, path, &config)
	maps.Copy(config, changes)
	for name, v := range changes { // null is written as json.RawMessage
		if v == nil {
			delete(config, name)
		}
	}
	write(t, path, hooked.Must(json.Marshal(config)))
}

// TestRefusals damages a checkpoint in one way each: the error must name what is wrong.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   []string // parts of the message
	}{
		{"field nobody reads", config("clip_qkv", 8.0), []string{"clip_qkv", "8"}},
		{"field of a wrong type", config("hidden_size", "many"), []string{"hidden_size", "many"}},
		{"size left to a default that does not fit", config("hidden_size", nil), []string{"36", "4096", "hidden_size"}},
		{"rotary scaling of a new type", config("rope_parameters", map[string]any{"rope_type": "spiral", "rope_theta": 1e4}), []string{"spiral", "llama3"}},
		{"rotary field nobody reads", config("rope_parameters", map[string]any{"rope_type": "default", "beta_fast": 32}), []string{"beta_fast", "rope_parameters"}},
		{"activation unknown", config("hidden_act", "mish"), []string{"hidden_act", "mish", "silu"}},
		{"architecture unknown", config("architectures", []string{"LlamaForCausalLN"}), []string{"LlamaForCausalLN", "LlamaForCausalLM"}},
		{"architecture not said", config("architectures", nil), []string{"architecture"}},
		{"heads that do not divide", config("num_key_value_heads", 4), []string{"NHeads", "NKeyValueHeads"}},
		{"absurd depth", config("num_hidden_layers", 1e9), []string{"NLayers", "1000000000"}},
		{"absurd width", config("hidden_size", 1e9), []string{"DModel", "1000000000"}},
		{"one layer too few", config("num_hidden_layers", 1), []string{"layers.1"}},
		{"one layer too many", config("num_hidden_layers", 4), []string{"layers.3"}},
		{"wrong shape", config("intermediate_size", 46), []string{"mlp", "46"}},
		{"wrong vocabulary", config("vocab_size", 335), []string{"W_", "336", "335"}},
		{"not JSON", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "config.json"), []byte(`{"a":`)) }, []string{"config.json"}},
		{"no configuration", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "config.json")) }, []string{"config.json"}},
		{"no weights", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "model.safetensors")) }, []string{"model.safetensors"}},
		{"truncated weights", truncate, []string{"model.safetensors"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := copied(t, "testdata/arch/llama")
			test.damage(t, dir)
			_, err := loadHere(t, dir)
			if err == nil {
				t.Fatal("it loads and runs")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
		})
	}
}

func config(field string, value any) func(*testing.T, string) {
	return func(t *testing.T, dir string) { editConfig(t, dir, map[string]any{field: value}) }
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, dir string) {
	path := filepath.Join(dir, "model.safetensors")
	data := hooked.Must(os.ReadFile(path))
	write(t, path, data[:len(data)/2])
}

// FuzzConfig feeds config.json files to the loader. It must never panic, and what it accepts must
// be of a size that can exist.
func FuzzConfig(f *testing.F) {
	dirs, err := filepath.Glob("testdata/*/*/config*.json")
	if err != nil || len(dirs) == 0 {
		f.Fatal("no configurations in testdata", err)
	}
	native, _ := filepath.Glob("testdata/native/*/cfg.json")
	for _, path := range append(dirs, native...) {
		f.Add(hooked.Must(os.ReadFile(path)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "config.json"), data)
		cfg, err := hooked.ReadConfig(dir)
		if err != nil {
			return
		}
		for name, size := range map[string]int{"layers": cfg.NLayers, "heads": cfg.NHeads, "width": cfg.DModel} {
			if size <= 0 || size > 1<<24 {
				t.Errorf("accepted a configuration with %s %d", name, size)
			}
		}
	})
}
