package hooked

import (
	"maps"
	"slices"
)

// qwen2 reads Alibaba's Qwen 2 and 2.5: Llama with biases on q, k and v. The context is the
// checkpoint's own, where TransformerLens stops at 2048 tokens.
//
// Source: transformers/models/qwen2/modeling_qwen2.py.
var qwen2 = architecture{
	name:           "Qwen 2 and 2.5",
	class:          "Qwen2ForCausalLM",
	gguf:           "qwen2",
	noBOS:          true,
	config:         qwenConfig,
	defaults:       qwenDefaults,
	ggufKeys:       llamaGGUFKeys,
	ggufDefaults:   llamaCPP,
	ggufFixed:      map[string]any{"hidden_act": "silu"},
	ignored:        []string{"attention_dropout"},
	prefixes:       []string{"model."},
	ignoredTensors: []string{"layers.*.self_attn.rotary_emb.inv_freq"},
	weights:        slices.Concat(llamaWeights, qkvBiases("")),
	ggufWeights:    slices.Concat(plainGGUFWeights, separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", "")),
}

// qwenDefaults are those that the two generations share. A file that leaves out the number of
// key-value heads means 32, not as many as heads.
var qwenDefaults = map[string]any{"num_hidden_layers": 32, "hidden_size": 4096, "max_position_embeddings": 32768,
	"num_attention_heads": 32, "num_key_value_heads": 32, "intermediate_size": 22016, "vocab_size": 151936, "rms_norm_eps": 1e-6,
	"hidden_act": "silu", "rope_theta": 10000, "use_sliding_window": false, "sliding_window": 4096, "max_window_layers": 28,
	"tie_word_embeddings": false}

// qwen3 reads Qwen 3: no biases, and an RMS norm on the q and k of every head.
//
// Source: transformers/models/qwen3/modeling_qwen3.py.
var qwen3 = architecture{
	name:  "Qwen 3",
	class: "Qwen3ForCausalLM",
	gguf:  "qwen3",
	noBOS: true,
	config: func(f *fields) Config {
		c := qwenConfig(f)
		c.UseQKNorm = true
		return c
	},
	defaults:     joined(qwenDefaults, map[string]any{"head_dim": 128, "attention_bias": false}),
	ggufKeys:     llamaGGUFKeys,
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	ignored:      []string{"attention_dropout"},
	prefixes:     []string{"model."},
	weights: slices.Concat(llamaWeights, qkvBiases("attention_bias"), oBias("attention_bias"), []weightRule{
		{to: "blocks.%d.attn.q_norm.w", from: "layers.%d.self_attn.q_norm.weight"},
		{to: "blocks.%d.attn.k_norm.w", from: "layers.%d.self_attn.k_norm.weight"},
	}),
	ggufWeights: slices.Concat(plainGGUFWeights, separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), []weightRule{
		{to: "blocks.%d.attn.q_norm.w", from: "blk.%d.attn_q_norm.weight"},
		{to: "blocks.%d.attn.k_norm.w", from: "blk.%d.attn_k_norm.weight"},
	}),
}

// qwenConfig is [llamaConfig] with a window in the upper layers, which the file can switch on.
func qwenConfig(f *fields) Config {
	c := llamaConfig(f)
	from := f.CountOr("max_window_layers", 0) // GGUF has neither it nor a window
	if f.said("sliding_window"); f.Bool("use_sliding_window") {
		c.WindowSize = f.IntOr("sliding_window", 0)
	}
	f.attnTypes(&c, "layer_types", func(l int) AttentionKind {
		if c.WindowSize > 0 && l >= from {
			return LocalAttention
		}
		return GlobalAttention
	})
	return c
}

// joined is a table with some more entries, or other ones.
func joined[V any](table, more map[string]V) map[string]V {
	out := make(map[string]V)
	maps.Copy(out, table)
	maps.Copy(out, more)
	return out
}
