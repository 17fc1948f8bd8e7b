package hooked_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// quantizedFolders are the checkpoints of eight bits that testdata/quantized/make.py has made.
func quantizedFolders(t *testing.T) []string {
	folders, err := filepath.Glob("testdata/quantized/*/model.safetensors")
	if err != nil || len(folders) < 7 {
		t.Fatal("fixtures are missing in testdata/quantized", folders, err)
	}
	for i, file := range folders {
		folders[i] = filepath.Dir(file)
	}
	return folders
}

// TestQuantizedWeights compares, to the last bit, the weights of checkpoints of eight bits with
// what torch and compressed-tensors make of them.
func TestQuantizedWeights(t *testing.T) {
	options := hooked.LoadOptions{Backend: golden.PureGo(t)}
	for _, dir := range quantizedFolders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			plain := copied(t, dir)
			whole := hooked.Must(os.ReadFile(filepath.Join(dir, "dequantized.safetensors")))
			write(t, filepath.Join(plain, "model.safetensors"), whole)
			editConfig(t, plain, map[string]any{"quantization_config": null})
			m := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, options))
			got := hooked.Must(m.StateDict())
			want := hooked.Must(hooked.Must(hooked.FromPretrained(plain, hooked.NoProcessing, options)).StateDict())
			if len(got) != len(want) || len(got) < 12 {
				t.Fatalf("%d weights, want %d", len(got), len(want))
			}
			for name, w := range want {
				if !slices.Equal(got[name].Data, w.Data) {
					t.Errorf("%s differs", name)
				}
			}
			if !strings.Contains(m.String(), "its weights are quantized (") {
				t.Errorf("the description does not tell it:\n%s", m)
			}
		})
	}
}

// TestQuantizedRefused changes what a configuration says of quantized weights: what would be
// misread is refused by name.
func TestQuantizedRefused(t *testing.T) {
	group := func(key string, value any) map[string]any {
		return map[string]any{"quant_method": "compressed-tensors", "format": "float-quantized",
			"config_groups": map[string]any{"group_0": map[string]any{"weights": map[string]any{key: value}}}}
	}
	for _, test := range []struct {
		change any
		want   []string
	}{
		{map[string]any{"quant_method": "gptq", "bits": 4}, []string{"gptq", "known: compressed-tensors, fbgemm_fp8, fp8, mxfp4", "GGUF"}},
		{map[string]any{"quant_method": "mxfp4"}, []string{"mxfp4", "not supported"}},
		{map[string]any{"bits": 4}, []string{"quantization_config", `quantized by ""`}},
		{map[string]any{"quant_method": "fp8", "fmt": "e3m4"}, []string{"fmt", "e3m4"}},
		{map[string]any{"quant_method": "fp8", "weight_block_size": []int{7, 12}}, []string{"weight_scale_inv", "[7 12]"}},
		{map[string]any{"quant_method": "fp8", "weight_block_size": 12}, []string{"weight_block_size", "two numbers"}},
		{map[string]any{"quant_method": "fp8", "weight_block_size": []any{"a", 0}}, []string{"weight_block_size", "two numbers"}},
		{map[string]any{"quant_method": "fp8", "rotation": "hadamard"}, []string{"rotation", "hadamard"}},
		{map[string]any{"quant_method": "compressed-tensors", "format": "pack-quantized"}, []string{"format", "pack-quantized"}},
		{group("num_bits", 4), []string{"num_bits", "4"}},
		{group("symmetric", false), []string{"symmetric", "false"}},
		{group("block_structure", []int{0, 4}), []string{"block_structure"}},
		{null, []string{"weight_scale_inv"}}, // nothing says what they are for
	} {
		dir := copied(t, "testdata/quantized/fp8_blocks")
		editConfig(t, dir, map[string]any{"quantization_config": test.change})
		m, err := hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
		if err == nil {
			_, err = m.StateDict()
		}
		if err == nil {
			t.Errorf("%v: it loads", test.change)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v: the error does not say %q: %v", test.change, part, err)
			}
		}
	}
}
