package weights_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/weights"
)

// relTolerance is what the file of checksums asks for: it gives nine digits.
const relTolerance = 1e-6

// openDefaultModel opens the model that `make setup` puts into the cache. Without
// it the test says so and ends: 98 MB do not belong in the repository, and the
// fixtures check every type without it.
func openDefaultModel(t *testing.T) *weights.File {
	t.Helper()
	path, err := cachedir.Join("models", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED, the real model is not checked: %v (run `make setup`)", err)
	}
	return open(t, path)
}

// ggufNames turns the names of Hugging Face's llama into those of llama.cpp.
var ggufNames = strings.NewReplacer(
	"model.embed_tokens", "token_embd", "lm_head", "token_embd", // one matrix for both
	"model.norm", "output_norm", "model.layers", "blk",
	"self_attn.q_proj", "attn_q", "self_attn.k_proj", "attn_k", "self_attn.v_proj", "attn_v", "self_attn.o_proj", "attn_output",
	"mlp.gate_proj", "ffn_gate", "mlp.up_proj", "ffn_up", "mlp.down_proj", "ffn_down",
	"input_layernorm", "attn_norm", "post_attention_layernorm", "ffn_norm",
)

// checksum describes a tensor as testdata/smollm2_weights.json does. The GGUF's
// order of the rows of q and k differs from Hugging Face's, but not in the first
// and the last row, nor in any sum.
type checksum struct {
	Shape         []int
	Sum, L2       float64
	First4, Last4 []float32
}

func TestSmolLM2Weights(t *testing.T) {
	f := openDefaultModel(t)
	var want struct{ Weights map[string]checksum }
	if err := json.Unmarshal(readFile(t, "testdata/smollm2_weights.json"), &want); err != nil {
		t.Fatal(err)
	}
	checked := map[string]bool{}
	for name, sum := range want.Weights {
		gguf := ggufNames.Replace(name)
		compareChecksum(t, name, tensor(t, f, gguf), sum)
		checked[gguf] = true
	}
	for _, name := range f.Names() {
		if !checked[name] {
			t.Errorf("%s is in no checksum", name)
		}
	}
}

func compareChecksum(t *testing.T, name string, x weights.Tensor, want checksum) {
	t.Helper()
	values := float32s(t, x)
	sum, squares, size := 0.0, 0.0, 0.0
	for _, v := range values {
		sum += float64(v)
		squares += float64(v) * float64(v)
		size += math.Abs(float64(v))
	}
	if !slices.Equal(x.Shape, want.Shape) {
		t.Errorf("%s: shape %v, want %v", name, x.Shape, want.Shape)
	}
	// Sums of many terms of both signs cancel: the nine digits are of the terms.
	if math.Abs(sum-want.Sum) > relTolerance*max(math.Abs(want.Sum), size*1e-3) {
		t.Errorf("%s: sum %v, want %v", name, sum, want.Sum)
	}
	if l2 := math.Sqrt(squares); math.Abs(l2-want.L2) > relTolerance*want.L2 {
		t.Errorf("%s: l2 norm %v, want %v", name, l2, want.L2)
	}
	compareEnds(t, name, values[:4], want.First4)
	compareEnds(t, name, values[len(values)-4:], want.Last4)
}

func compareEnds(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > relTolerance*math.Abs(float64(want[i])) {
			t.Errorf("%s: %v, want %v", name, got, want)
			return
		}
	}
}

// TestSmolLM2Metadata: the numbers are those of the model's config.json.
func TestSmolLM2Metadata(t *testing.T) {
	m := openDefaultModel(t).Metadata()
	for key, want := range map[string]any{
		"general.architecture": "llama", "tokenizer.ggml.model": "gpt2",
		"llama.block_count": uint32(30), "llama.embedding_length": uint32(576), "llama.feed_forward_length": uint32(1536),
		"llama.attention.head_count": uint32(9), "llama.attention.head_count_kv": uint32(3),
		"llama.rope.freq_base": float32(100000), "llama.attention.layer_norm_rms_epsilon": float32(1e-5),
	} {
		if m[key] != want {
			t.Errorf("%s: %v (%T), want %v (%T)", key, m[key], m[key], want, want)
		}
	}
	tokens, _ := m["tokenizer.ggml.tokens"].([]string)
	if len(tokens) != 49152 || tokens[0] != "<|endoftext|>" {
		t.Errorf("%d tokens, want 49152 beginning with <|endoftext|>", len(tokens))
	}
}
