package hooked_test

import (
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestInspect holds what headers say against the models that are loaded.
func TestInspect(t *testing.T) {
	for _, where := range []string{"testdata/arch/llama", "testdata/arch/gpt2", "testdata/gguf/qwen3.gguf", "testdata/families/mixtral",
		"testdata/quantized/fp8_blocks", "testdata/families/gpt_oss_mxfp4"} {
		in, err := hooked.Inspect(where)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		m := hooked.Must(hooked.FromPretrained(where, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
		var parameters int64
		for name, a := range hooked.Must(m.StateDict()) {
			if !strings.Contains(name, "IGNORE") && !strings.HasSuffix(name, "mask") {
				parameters += int64(len(a.Data))
			}
		}
		c := m.Config()
		if in.Class != c.Architecture || in.Layers != c.NLayers || in.Vocabulary != c.DVocab || in.Experts != c.NExperts || len(in.Refused) > 0 {
			t.Errorf("%s: %+v", where, in)
		}
		if in.Parameters > parameters || in.Parameters < parameters*9/10 { // a state dict has biases of zeros, too
			t.Errorf("%s: %d parameters, the weights are %d", where, in.Parameters, parameters)
		}
		if in.Memory["float32"] != 4*in.Parameters || in.Memory["bfloat16"] != 2*in.Parameters {
			t.Errorf("%s: memory %v", where, in.Memory)
		}
	}
	in := hooked.Must(hooked.Inspect("testdata/quantized/fp8_blocks"))
	text := in.String()
	for _, want := range []string{"family Llama", "stored as F8_E4M3: 7 tensors", "quantized (fp8)", "it loads"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestInspectRefused: what would not load is told, with the reason, and is no error.
func TestInspectRefused(t *testing.T) {
	for change, want := range map[string][2]string{
		"unknown":   {"architectures", "Nobody"},
		"quantized": {"quantization_config", "awq"},
		"field":     {"new_trick", "new_trick"},
		"tensor":    {"num_hidden_layers", "layers.2."},
	} {
		dir := copied(t, "testdata/sparse/llama")
		value := map[string]any{"unknown": []string{"NobodyForCausalLM"}, "quantized": map[string]any{"quant_method": "awq"}, "field": 1, "tensor": 9}[change]
		editConfig(t, dir, map[string]any{want[0]: value})
		in, err := hooked.Inspect(dir)
		if err != nil {
			t.Errorf("%s: %v", change, err)
			continue
		}
		if all := strings.Join(in.Refused, "\n"); !strings.Contains(all, want[1]) || len(in.Types) != 1 {
			t.Errorf("%s: refused %q, types %v", change, all, in.Types)
		}
	}
	bad := filepath.Join(t.TempDir(), "bad.gguf")
	write(t, bad, []byte("GGUF\x01\x00\x00\x00"))
	in, err := hooked.Inspect(bad)
	if err != nil || len(in.Refused) == 0 || !strings.Contains(in.String(), "version is 1") {
		t.Errorf("a file of version 1: %v, %v", in, err)
	}
	if _, err := hooked.Inspect("no/such", hooked.LoadOptions{Offline: true}); err == nil {
		t.Error("a model that is not there is shown")
	}
}
