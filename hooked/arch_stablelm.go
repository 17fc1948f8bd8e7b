package hooked

import "slices"

// stableLM reads Stability AI's StableLM: Llama with layer norms, a part of each head turned, and
// in some sizes biases, norms of q and k for each head, or attention and MLP side by side.
//
// Source: transformers/models/stablelm/modeling_stablelm.py.
var stableLM = architecture{
	class: "StableLmForCausalLM",
	gguf:  "stablelm",
	noBOS: true,
	config: func(f *fields) Config {
		c := llamaSizes(f)
		c.Eps, c.Normalization = f.Positive("layer_norm_eps"), LN
		c.ParallelAttnMLP = f.Bool("use_parallel_residual")
		if f.gguf { // where llama.cpp goes by the tensors
			c.ParallelAttnMLP = !f.Bool(stableLMInTurn)
		}
		if f.Bool("qk_layernorm") {
			c.UseQKNorm, c.QKNorm = true, OwnLN
		}
		f.rope(&c, partialRope)
		return c
	},
	defaults: map[string]any{"num_hidden_layers": 32, "hidden_size": 2560, "max_position_embeddings": 4096, "num_attention_heads": 32,
		"num_key_value_heads": 32, "intermediate_size": 6912, "vocab_size": 50304, "layer_norm_eps": 1e-5, "hidden_act": "silu",
		"rope_theta": 10000, "partial_rotary_factor": 0.25, "use_qkv_bias": false, "qk_layernorm": false, "use_parallel_residual": false,
		"tie_word_embeddings": false},
	ggufKeys: joined(llamaGGUFKeys, map[string]string{"attention.layer_norm_epsilon": "layer_norm_eps",
		"use_parallel_residual": "use_parallel_residual"}),
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	ggufTensors:  map[string]string{"blk.0.ffn_norm.weight": stableLMInTurn, "blk.0.attn_q_norm.weight": "qk_layernorm"},
	aliases:      map[string]string{"norm_eps": "layer_norm_eps", "rope_pct": "partial_rotary_factor"},
	ignored:      []string{"attention_dropout", "hidden_dropout"},
	prefixes:     []string{"model."},
	weights: slices.Concat(omit(llamaWeights, "ln2."), qkvBiases("use_qkv_bias"), []weightRule{
		{to: "blocks.%d.ln1.b", from: "layers.%d.input_layernorm.bias"},
		{to: "blocks.%d.ln2.w", from: "layers.%d.post_attention_layernorm.weight", iff: "!use_parallel_residual"},
		{to: "blocks.%d.ln2.b", from: "layers.%d.post_attention_layernorm.bias", iff: "!use_parallel_residual"},
		{to: "blocks.%d.ln2.w", from: "layers.%d.input_layernorm.weight", iff: "use_parallel_residual"},
		{to: "blocks.%d.ln2.b", from: "layers.%d.input_layernorm.bias", iff: "use_parallel_residual"},
		{to: "blocks.%d.attn.q_norm.w", from: "layers.%d.self_attn.q_layernorm.norms.#.weight", iff: "qk_layernorm"},
		{to: "blocks.%d.attn.k_norm.w", from: "layers.%d.self_attn.k_layernorm.norms.#.weight", iff: "qk_layernorm"},
		{to: "ln_final.b", from: "norm.bias"},
	}),
	ggufWeights: slices.Concat(omit(plainGGUFWeights, "ln2."), ownQKNormsGGUF, separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), []weightRule{
		{to: "blocks.%d.ln1.b", from: "blk.%d.attn_norm.bias"},
		{to: "blocks.%d.ln2.w", from: "blk.%d.ffn_norm.weight|blk.%d.attn_norm.weight"},
		{to: "blocks.%d.ln2.b", from: "blk.%d.ffn_norm.bias|blk.%d.attn_norm.bias"},
		{to: "ln_final.b", from: "output_norm.bias"},
	}),
}

// stableLMInTurn says in GGUF files that a norm stands between attention and MLP.
const stableLMInTurn = "norms_in_turn"
