package hooked

import "slices"

// qwen2 reads Alibaba's Qwen 2 and 2.5: Llama with biases on q, k and v. The context is the checkpoint's own, where
// TransformerLens stops at 2048 tokens.
//
// Source: transformers/models/qwen2/modeling_qwen2.py.
var qwen2 = architecture{
	class:          "Qwen2ForCausalLM",
	gguf:           "qwen2",
	noBOS:          true,
	config:         qwenConfig,
	ggufKeys:       llamaGGUFKeys,
	ggufFixed:      map[string]any{"hidden_act": "silu"},
	ignored:        []string{"attention_dropout"},
	prefixes:       []string{"model."},
	ignoredTensors: []string{"layers.*.self_attn.rotary_emb.inv_freq"},
	weights:        llamaWeights,
	ggufWeights:    slices.Concat(plainGGUFWeights, separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v")),
}

// qwen3 reads Qwen 3: no biases, and an RMS norm on the q and k of every head.
//
// Source: transformers/models/qwen3/modeling_qwen3.py.
var qwen3 = architecture{
	class: "Qwen3ForCausalLM",
	gguf:  "qwen3",
	noBOS: true,
	config: func(f *fields) Config {
		c := qwenConfig(f)
		c.UseQKNorm = true
		return c
	},
	ggufKeys:  llamaGGUFKeys,
	ggufFixed: map[string]any{"hidden_act": "silu"},
	ignored:   []string{"attention_dropout"},
	prefixes:  []string{"model."},
	weights: slices.Concat(llamaWeights, []weightRule{
		{to: "blocks.%d.attn.q_norm.w", from: "layers.%d.self_attn.q_norm.weight"},
		{to: "blocks.%d.attn.k_norm.w", from: "layers.%d.self_attn.k_norm.weight"},
	}),
	ggufWeights: slices.Concat(plainGGUFWeights, separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v"), []weightRule{
		{to: "blocks.%d.attn.q_norm.w", from: "blk.%d.attn_q_norm.weight"},
		{to: "blocks.%d.attn.k_norm.w", from: "blk.%d.attn_k_norm.weight"},
	}),
}

// qwenConfig is [llamaConfig] with a window in the upper layers, which the file can switch on.
func qwenConfig(f *fields) Config {
	c := llamaConfig(f)
	window, from := f.IntOr("sliding_window", 0), f.IntOr("max_window_layers", c.NLayers)
	if f.Bool("use_sliding_window") {
		c.WindowSize = window
	}
	f.attnTypes(&c, "layer_types", func(l int) AttentionKind {
		if c.WindowSize > 0 && l >= from {
			return LocalAttention
		}
		return GlobalAttention
	})
	return c
}
