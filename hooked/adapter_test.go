package hooked_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// adapterTolerance is for logits of a few tenths to tens: PEFT adds the two products, we the
// matrices.
var adapterTolerance = golden.Tolerance{Abs: 1e-3, Rel: 1e-4}

// adapterCases are the adapters that testdata/adapters/make.py made with PEFT, and the models they
// go onto.
var adapterCases = []struct{ adapter, golden, base string }{
	{"llama3_rope", "llama3_rope", "testdata/arch/llama3_rope"},
	{"llama3_rope", "llama3_rope", "testdata/gguf/llama3_rope.gguf"},
	{"llama3_rope.gguf", "llama3_rope", "testdata/arch/llama3_rope"},
	{"llama3_rope.gguf", "llama3_rope", "testdata/gguf/llama3_rope.gguf"},
	{"llama_patterns", "llama_patterns", "testdata/arch/llama"},
	{"llama_replaced", "llama_replaced", "testdata/arch/llama"},
	{"gpt2", "gpt2", "testdata/arch/gpt2"},
}

func adapterOf(name string) *hooked.Adapter {
	return hooked.Must(hooked.LoadAdapter(filepath.Join("testdata/adapters", name)))
}

// TestAdapters compares runs with adapters with PEFT's, whole and at half their strength, in raw
// and in processed models; the model itself stays as it is.
func TestAdapters(t *testing.T) {
	for _, c := range adapterCases {
		for _, processing := range []hooked.Processing{hooked.NoProcessing, hooked.DefaultProcessing &^ hooked.CenterUnembed} {
			t.Run(c.adapter+" on "+filepath.Base(c.base)+" "+processing.String(), func(t *testing.T) {
				file := golden.Open(t, filepath.Join("testdata/adapters", c.golden, "golden.safetensors"))
				tokens := hooked.Tokens(file.Ints("tokens"))
				m := hooked.Must(hooked.FromPretrained(c.base, processing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
				before := hooked.Must(m.Run(tokens)).Float32s()
				a, programs := adapterOf(c.adapter), m.Programs()
				adapted := hooked.Must(m.WithAdapter(a, 1))
				compare(t, file, "hf_logits", hooked.Must(adapted.Run(tokens)), adapterTolerance)
				if n := m.Programs(); n != programs {
					t.Errorf("the adapter compiled %d programs", n-programs)
				}
				if !slices.Equal(hooked.Must(m.Run(tokens)).Float32s(), before) {
					t.Error("the model has changed")
				}
				if !strings.Contains(adapted.String(), "with LoRA adapter testdata/adapters/"+c.adapter) || strings.Contains(m.String(), "LoRA") {
					t.Errorf("the description:\n%s", adapted)
				}
				if file.Has("half_logits") {
					compare(t, file, "half_logits", hooked.Must(hooked.Must(m.WithAdapter(a, 0.5)).Run(tokens)), adapterTolerance)
					twice := hooked.Must(hooked.Must(hooked.Must(m.WithAdapter(a, 0.25)).WithAdapter(a, 0.75)).Run(tokens))
					compare(t, file, "hf_logits", twice, adapterTolerance)
				}
			})
		}
	}
}

// A run has the adapter or has it not by the model that it is called on.
func ExampleModel_WithAdapter() {
	model := hooked.Must(hooked.FromPretrained("testdata/arch/llama3_rope", hooked.NoProcessing))
	adapter := hooked.Must(hooked.LoadAdapter("testdata/adapters/llama3_rope"))
	tuned, err := model.WithAdapter(adapter, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	tokens := hooked.Tokens{{1, 20, 30}}
	moved := hooked.Must(tuned.Run(tokens)).Sub(hooked.Must(model.Run(tokens))).Abs().Max().Item()
	fmt.Println("the logits move:", moved > 0.1)

	added := hooked.Must(adapter.Factored("model.layers.0.mlp.down_proj.weight"))
	fmt.Println("rank", added.Rank(), "of", added.Shape())
	// Output:
	// the logits move: true
	// rank 3 of [44 32]
}

// TestAdapterFactors multiplies an adapter's factors out: that is what it adds to a weight.
func TestAdapterFactors(t *testing.T) {
	for name, c := range map[string]struct{ base, module, weight string }{
		"llama_patterns": {"testdata/arch/llama", "model.layers.1.mlp.gate_proj.weight", "blocks.1.mlp.W_gate"},
		"gpt2":           {"testdata/arch/gpt2", "transformer.h.0.mlp.c_fc.weight", "blocks.0.mlp.W_in"},
	} {
		m := hooked.Must(hooked.FromPretrained(c.base, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
		a := adapterOf(name)
		f, err := a.Factored(c.module)
		if err != nil {
			t.Fatal(err)
		}
		before := hooked.Must(m.StateDict())[c.weight]
		after := hooked.Must(hooked.Must(m.WithAdapter(a, 1)).StateDict())[c.weight]
		product := f.AB().Float32s()
		largest := 0.0
		for i, v := range after.Data {
			largest = max(largest, float64(v-before.Data[i]-product[i]), float64(before.Data[i]+product[i]-v))
		}
		if !(largest < 1e-5) || !slices.Equal(f.Shape(), before.Shape) {
			t.Errorf("%s: the weight moves by %v more than the product of shape %v", name, largest, f.Shape())
		}
		if _, err := a.Factored("no such module"); err == nil {
			t.Errorf("%s: factors of no module", name)
		}
	}
	if s := adapterOf("llama_patterns").String(); !strings.Contains(s, "of rank 1 to 4, 0 replaced") {
		t.Error(s)
	}
	if got := adapterOf("llama_replaced").Replaced(); len(got) != 8 || got[0] != "lm_head.weight" || got[7] != "model.norm.weight" {
		t.Errorf("replaced %q", got)
	}
}

// TestAdaptersRefused: what cannot be had is refused by name.
func TestAdaptersRefused(t *testing.T) {
	says := func(err error, parts ...string) {
		t.Helper()
		if err == nil {
			t.Errorf("no error, want one that says %q", parts)
			return
		}
		for _, part := range parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error does not say %q: %v", part, err)
			}
		}
	}
	for field, value := range map[string]any{
		"use_dora": true, "peft_type": "LOHA", "init_lora_weights": "pissa", "lora_bias": true, "target_parameters": []string{"experts"},
		"layer_replication": [][]int{{0, 1}}, "trainable_token_indices": []int{3}, "use_qalora": true, "new_trick": 1,
		"rank_pattern": map[string]any{"q_proj": 0}, "alpha_pattern": map[string]any{"(": 1}, "r": 5,
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("testdata/adapters/llama3_rope")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "adapter_config.json"), filepath.Join(dir, "config.json")); err != nil {
			t.Fatal(err)
		}
		editConfig(t, dir, map[string]any{field: value})
		if err := os.Rename(filepath.Join(dir, "config.json"), filepath.Join(dir, "adapter_config.json")); err != nil {
			t.Fatal(err)
		}
		_, err := hooked.LoadAdapter(dir)
		if field == "r" {
			field = "rank 5"
		}
		says(err, field)
	}
	_, err := hooked.LoadAdapter("testdata/arch/llama")
	says(err, "adapter_config.json")
	_, err = hooked.LoadAdapter("testdata/gguf/llama3_rope.gguf")
	says(err, "general.type")
	_, err = hooked.LoadAdapter("testdata/adapters/gpt2", hooked.LoadOptions{FirstNLayers: 1})
	says(err, "FirstNLayers")

	options := hooked.LoadOptions{Backend: golden.PureGo(t)}
	llama := hooked.Must(hooked.FromPretrained("testdata/arch/llama", hooked.NoProcessing, options))
	gpt2 := hooked.Must(hooked.FromPretrained("testdata/arch/gpt2", hooked.NoProcessing, options))
	nan := float64(0)
	nan /= nan
	_, err = llama.WithAdapter(nil, 1)
	says(err, "LoadAdapter")
	_, err = llama.WithAdapter(adapterOf("llama_patterns"), nan)
	says(err, "NaN")
	_, err = llama.WithAdapter(adapterOf("llama_replaced"), 0.5)
	says(err, "lm_head.weight", "0.5")
	_, err = llama.WithAdapter(adapterOf("gpt2"), 1)
	says(err, "h.0.", "belongs to no part")
	_, err = gpt2.WithAdapter(adapterOf("llama3_rope.gguf"), 1)
	says(err, `"llama"`, `"gpt2"`)
	_, err = llama.WithAdapter(adapterOf("llama3_rope"), 1)
	says(err, "has shape", "one of shape")
	changed := hooked.Must(llama.WithWeights(hooked.StateDict{"ln_final.w": hooked.Must(llama.StateDict())["ln_final.w"]}))
	_, err = changed.WithAdapter(adapterOf("llama_patterns"), 1)
	says(err, "not loaded from files")
	first := hooked.Must(hooked.FromPretrained("testdata/arch/llama", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t), FirstNLayers: 1}))
	_, err = first.WithAdapter(adapterOf("llama_patterns"), 1)
	says(err, "layers.1.", "belongs to no part")
}
