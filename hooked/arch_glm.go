package hooked

import "slices"

// glm reads Zhipu's GLM 4 as of 2024: Llama with gate and up in one matrix, biases on q, k and v,
// and half of each head turned in adjacent pairs.
//
// Source: transformers/models/glm/modeling_glm.py.
var glm = architecture{
	class:    "GlmForCausalLM",
	noBOS:    true,
	config:   glmConfig,
	defaults: glmDefaults,
	ignored:  []string{"attention_dropout"},
	prefixes: []string{"model."},
	weights:  glmWeights,
}

// glm4 reads GLM 4 as of April 2025: norms after the parts as well.
//
// Sources: transformers/models/glm4/modeling_glm4.py; for GGUF llama.cpp's convert_hf_to_gguf.py.
var glm4 = architecture{
	class: "Glm4ForCausalLM",
	gguf:  "glm4",
	noBOS: true,
	config: func(f *fields) Config {
		c := glmConfig(f)
		c.NormalizationBeforeAndAfter = true
		return c
	},
	defaults:     glmDefaults,
	ggufKeys:     llamaGGUFKeys,
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	ignored:      []string{"attention_dropout"},
	prefixes:     []string{"model."},
	weights: slices.Concat(glmWeights, []weightRule{
		{to: "blocks.%d.ln1_post.w", from: "layers.%d.post_self_attn_layernorm.weight"},
		{to: "blocks.%d.ln2_post.w", from: "layers.%d.post_mlp_layernorm.weight"},
	}),
	ggufWeights: slices.Concat(omit(plainGGUFWeights, "W_gate", "W_in"), separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), []weightRule{
		{to: "blocks.%d.mlp.W_{gate,in}", from: "blk.%d.ffn_up.weight", pattern: "(gate_up m) d -> gate_up d m"},
		{to: "blocks.%d.ln1_post.w", from: "blk.%d.post_attention_norm.weight"},
		{to: "blocks.%d.ln2_post.w", from: "blk.%d.post_ffw_norm.weight"},
	}),
}

var glmDefaults = map[string]any{"num_hidden_layers": 40, "hidden_size": 4096, "max_position_embeddings": 131072,
	"num_attention_heads": 32, "num_key_value_heads": 2, "head_dim": 128, "intermediate_size": 13696, "vocab_size": 151552,
	"rms_norm_eps": 1.5625e-7, "hidden_act": "silu", "rope_theta": 10000, "partial_rotary_factor": 0.5, "attention_bias": true,
	"tie_word_embeddings": false}

func glmConfig(f *fields) Config {
	c := llamaLike(f, partialRope)
	c.RotaryAdjacentPairs = true
	return c
}

var glmWeights = slices.Concat(omit(llamaWeights, "W_gate", "W_in"), qkvBiases("attention_bias"), []weightRule{
	{to: "blocks.%d.mlp.W_{gate,in}", from: "layers.%d.mlp.gate_up_proj.weight", pattern: "(gate_up m) d -> gate_up d m"},
})
