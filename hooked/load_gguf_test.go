package hooked_test

import (
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestGGUF loads GGUF files that testdata/gguf/make.py wrote from the fixtures' checkpoints, and
// compares their logits with those of the checkpoints.
func TestGGUF(t *testing.T) {
	files, err := filepath.Glob("testdata/gguf/*.gguf")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures in testdata/gguf", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".gguf")
		t.Run(name, func(t *testing.T) {
			m, err := hooked.FromPretrained(path, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
			if err != nil {
				t.Fatal(err)
			}
			_, file, tol := readGolden(t, name)
			compare(t, file, "hf_logits", hooked.Must(m.Run(hooked.Tokens(file.Ints("tokens")))), tol)
		})
	}
}

// TestGGUFFamilies loads GGUF files that testdata/gguf/families.py wrote, likewise.
func TestGGUFFamilies(t *testing.T) {
	files, err := filepath.Glob("testdata/gguf_families/*.gguf")
	if err != nil || len(files) < 26 {
		t.Fatal("fixtures are missing in testdata/gguf_families", files, err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".gguf")
		t.Run(name, func(t *testing.T) {
			m, err := hooked.FromPretrained(path, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
			if err != nil {
				t.Fatal(err)
			}
			file, tol := familyFile(t, name)
			tokens := hooked.Tokens(file.Ints("tokens"))
			if name == "gpt_oss" { // GGUF files say no limit: it is 7
				dir := copied(t, "testdata/families/gpt_oss")
				editConfig(t, dir, map[string]any{"swiglu_limit": 7})
				same := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
				golden.Close(t, name, hooked.Must(m.Run(tokens)).Float32s(), hooked.Must(same.Run(tokens)).Float32s(), tol)
				return
			}
			if name == "qwen2_moe" { // the first layer alone
				compare(t, file, "resid_post/0", hooked.Must(m.Cache(tokens)).Get("resid_post", 0), tol)
				return
			}
			compare(t, file, "hf_logits", hooked.Must(m.Run(tokens)), tol)
		})
	}
}

// TestGGUFOptional loads files that leave out what llama.cpp has a default for, or scale their
// rotary angles.
func TestGGUFOptional(t *testing.T) {
	for name, fixture := range map[string]struct{ dir, tokens, logits string }{
		// no soft caps, no window: 50, 30, 4096
		"gemma2":        {"testdata/sparse/gemma2", "tokens", "hf_logits"},
		"linear":        {"testdata/rope/linear", "46/tokens", "46/hf_logits"},
		"yarn":          {"testdata/rope/yarn", "46/tokens", "46/hf_logits"},
		"phi3_longrope": {"testdata/rope/phi3_longrope", "46/tokens", "46/hf_logits"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := hooked.FromPretrained("testdata/gguf_optional/"+name+".gguf", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
			if err != nil {
				t.Fatal(err)
			}
			_, tol := readSparse(t, fixture.dir)
			file := golden.Open(t, filepath.Join(fixture.dir, "golden.safetensors"))
			compare(t, file, fixture.logits, hooked.Must(m.Run(hooked.Tokens(file.Ints(fixture.tokens)))), tol)
			if name == "gemma2" {
				c := m.Config()
				if c.AttnScoresSoftCap != 50 || c.OutputLogitsSoftCap != 30 || c.WindowSize != 4096 {
					t.Errorf("soft caps %v and %v, window %d", c.AttnScoresSoftCap, c.OutputLogitsSoftCap, c.WindowSize)
				}
				if !strings.Contains(m.String(), "final_logit_softcapping 30") {
					t.Errorf("the description does not tell the default:\n%s", m)
				}
			}
		})
	}
}

// TestGGUFMetadata changes a file's metadata: what it says is honoured or refused by name.
func TestGGUFMetadata(t *testing.T) {
	read := func(name string, changes map[string]any) (hooked.Config, error) {
		return hooked.ReadGGUF("testdata/gguf/"+name+".gguf", changes)
	}
	plain := hooked.Must(read("llama3_rope", nil))
	half := hooked.Must(read("llama3_rope", map[string]any{"llama.rope.dimension_count": uint32(plain.DHead / 2)}))
	if plain.RotaryDim != plain.DHead || half.RotaryDim != plain.DHead/2 {
		t.Errorf("rotary widths %d and %d of heads of %d", plain.RotaryDim, half.RotaryDim, plain.DHead)
	}
	ungrouped := hooked.Must(read("llama3_rope", map[string]any{"llama.attention.head_count_kv": nil}))
	if ungrouped.NKeyValueHeads != plain.NHeads {
		t.Errorf("without head_count_kv there are %d key-value heads, want %d", ungrouped.NKeyValueHeads, plain.NHeads)
	}
	if base := hooked.Must(read("llama3_rope", map[string]any{"llama.rope.freq_base": nil})).RotaryBase; base != 10000 {
		t.Errorf("without freq_base the base is %v", base)
	}
	factorAlone := hooked.Must(read("llama3_rope", map[string]any{"llama.rope.scaling.factor": float32(4)}))
	if s := factorAlone.RotaryScaling; s == nil || s.Kind != hooked.LinearRope || s.Factor != 4 {
		t.Errorf("a factor without a type is linear scaling for llama.cpp, here it is %+v", s)
	}
	if w := hooked.Must(read("phi3", map[string]any{"phi3.attention.sliding_window": uint32(0)})).WindowSize; w != 0 {
		t.Errorf("a window of 0 in a GGUF file is none, here it is %d", w)
	}
	for key, value := range map[string]any{
		"llama.attention.value_length":           uint32(plain.DHead / 2),
		"llama.attention.layer_norm_rms_epsilon": nil,
		"llama.rope.scaling.type":                "spiral",
		"llama.rope.scaling.attn_factor":         float32(2),
		"llama.expert_count":                     uint32(8),
		"llama.attention.head_count":             uint32(0),
		"llama.attention.clamp_kqv":              float32(1),
		"llama.rope.scaling.yarn_log_multiplier": float32(0.1),
	} {
		_, err := read("llama3_rope", map[string]any{key: value})
		name := key[strings.LastIndex(key, ".")+1:]
		for short, long := range map[string]string{"layer_norm_rms_epsilon": "rms_norm_eps", "type": "spiral", "head_count": "num_attention_heads", "value_length": "value width", "expert_count": "num_experts_per_tok"} {
			if name == short {
				name = long
			}
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s = %v: %v", key, value, err)
		}
	}
}
