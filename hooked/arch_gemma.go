package hooked

import (
	"math"
	"slices"
)

// gemma reads Google's Gemma. Its embedding is scaled by the root of d_model, which TransformerLens
// puts into W_E, and its norms multiply by 1 + w, which is put into their weights; GGUF files have
// the latter done already.
//
// Sources: transformers/models/gemma/modeling_gemma.py; for GGUF llama.cpp's convert_hf_to_gguf.py
// and its graphs.
var gemma = architecture{
	class:  "GemmaForCausalLM",
	gguf:   "gemma",
	config: gemma1Config,
	defaults: joined(gemmaDefaults, map[string]any{"num_hidden_layers": 28, "hidden_size": 3072, "num_attention_heads": 16,
		"num_key_value_heads": 16, "intermediate_size": 24576, "vocab_size": 256000, "hidden_act": "gelu_pytorch_tanh"}),
	ggufKeys:     llamaGGUFKeys,
	ggufDefaults: llamaCPP,
	ignored:      gemmaIgnored,
	prefixes:     []string{"model."},
	weights:      slices.Concat(gemmaWeights, []weightRule{{to: "blocks.%d.ln2.w", from: "layers.%d.post_attention_layernorm.weight", adjust: onePlus}}),
	ggufWeights:  gemmaGGUFWeights,
}

// gemma2 reads Gemma 2: soft caps on scores and logits, norms before and after each part, and a
// window in every second layer, the first included (TransformerLens begins with a global layer; the
// checkpoint's own list is right).
var gemma2 = architecture{
	class:  "Gemma2ForCausalLM",
	gguf:   "gemma2",
	config: gemma2Config,
	defaults: joined(gemmaDefaults, map[string]any{"attn_logit_softcapping": 50, "final_logit_softcapping": 30,
		"query_pre_attn_scalar": 256, "sliding_window": 4096}),
	ggufKeys:     gemma2GGUFKeys,
	ggufDefaults: joined(llamaCPP, map[string]any{"attn_logit_softcapping": 50, "final_logit_softcapping": 30, "sliding_window": 4096}),
	ignored:      gemmaIgnored,
	prefixes:     []string{"model."},
	weights:      slices.Concat(gemmaWeights, gemmaPostNorms),
	ggufWeights:  slices.Concat(gemmaGGUFWeights, gemmaGGUFPostNorms),
}

// gemma3 reads the text models of Gemma 3: norms on q and k, five layers with a window to one
// without, and a rotary base for each kind.
//
// Source: transformers/models/gemma3/modeling_gemma3.py.
var gemma3 = architecture{
	class:  "Gemma3ForCausalLM",
	gguf:   "gemma3",
	config: gemma3Config,
	defaults: joined(gemmaDefaults, map[string]any{"max_position_embeddings": 131072, "vocab_size": 262208,
		"query_pre_attn_scalar": 256, "sliding_window": 4096, "sliding_window_pattern": 6, "rope_theta": 1e6, "rope_local_base_freq": 1e4}),
	ggufKeys:     gemma2GGUFKeys,
	ggufDefaults: map[string]any{"rope_theta": 1e6, "rope_local_base_freq": 1e4, "sliding_window_pattern": 6},
	ignored:      append([]string{"_sliding_window_pattern"}, gemmaIgnored...),
	prefixes:     []string{"model."},
	weights: slices.Concat(gemmaWeights, gemmaPostNorms, []weightRule{
		{to: "blocks.%d.attn.q_norm.w", from: "layers.%d.self_attn.q_norm.weight", adjust: onePlus},
		{to: "blocks.%d.attn.k_norm.w", from: "layers.%d.self_attn.k_norm.weight", adjust: onePlus},
	}),
	ggufWeights: slices.Concat(gemmaGGUFWeights, gemmaGGUFPostNorms, []weightRule{
		{to: "blocks.%d.attn.q_norm.w", from: "blk.%d.attn_q_norm.weight"},
		{to: "blocks.%d.attn.k_norm.w", from: "blk.%d.attn_k_norm.weight"},
	}),
}

// gemmaDefaults are those that most Gemmas share. Gemma 2's number of key-value heads was 16 in
// transformers 4.46, and its query_pre_attn_scalar 224: these are the newest.
var gemmaDefaults = map[string]any{"num_hidden_layers": 26, "hidden_size": 2304, "max_position_embeddings": 8192,
	"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "intermediate_size": 9216, "vocab_size": 256000,
	"rms_norm_eps": 1e-6, "rope_theta": 10000,
	"attention_bias": false, "use_bidirectional_attention": false, "tie_word_embeddings": true}

// The weights that all Gemmas have; which norm stands before the MLP differs.
var (
	gemmaWeights = slices.Concat([]weightRule{
		{to: "embed.W_E", from: "embed_tokens.weight", adjust: timesRootDModel},
		{to: "blocks.%d.ln1.w", from: "layers.%d.input_layernorm.weight", adjust: onePlus},
	}, separateQKV("layers.%d.self_attn.q_proj", "layers.%d.self_attn.k_proj", "layers.%d.self_attn.v_proj", "attention_bias"),
		oBias("attention_bias"), []weightRule{
			{to: "blocks.%d.attn.W_O", from: "layers.%d.self_attn.o_proj.weight", pattern: "d (head e) -> head e d"},
			{to: "blocks.%d.mlp.W_gate", from: "layers.%d.mlp.gate_proj.weight", pattern: "m d -> d m"},
			{to: "blocks.%d.mlp.W_in", from: "layers.%d.mlp.up_proj.weight", pattern: "m d -> d m"},
			{to: "blocks.%d.mlp.W_out", from: "layers.%d.mlp.down_proj.weight", pattern: "d m -> m d"},
			{to: "ln_final.w", from: "norm.weight", adjust: onePlus},
			{to: "unembed.W_U", from: "lm_head.weight", tied: "embed_tokens.weight", pattern: "v d -> d v"},
		})
	gemmaGGUFWeights = slices.Concat(scaledEmbedding(plainGGUFWeights), separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""))
	gemmaPostNorms   = []weightRule{
		{to: "blocks.%d.ln1_post.w", from: "layers.%d.post_attention_layernorm.weight", adjust: onePlus},
		{to: "blocks.%d.ln2.w", from: "layers.%d.pre_feedforward_layernorm.weight", adjust: onePlus},
		{to: "blocks.%d.ln2_post.w", from: "layers.%d.post_feedforward_layernorm.weight", adjust: onePlus},
	}
	gemmaGGUFPostNorms = []weightRule{
		{to: "blocks.%d.ln1_post.w", from: "blk.%d.post_attention_norm.weight"},
		{to: "blocks.%d.ln2_post.w", from: "blk.%d.post_ffw_norm.weight"},
	}
)

var gemmaIgnored = []string{"attention_dropout", "cache_implementation", "sliding_window_size"}

var gemma2GGUFKeys = joined(llamaGGUFKeys, map[string]string{
	"attention.sliding_window":         "sliding_window",
	"rope.freq_base_swa":               "rope_local_base_freq", // Gemma 3's
	"attn_logit_softcapping":           "attn_logit_softcapping",
	"final_logit_softcapping":          "final_logit_softcapping",
	"attention.sliding_window_pattern": ggufWindowsField,
})

// onePlus turns w into 1 + w.
func onePlus(_ Config, data []float32) {
	for i := range data {
		data[i]++
	}
}

// scaledEmbedding are rules whose first, the embedding's, also scales it.
func scaledEmbedding(rules []weightRule) []weightRule {
	scaled := slices.Clone(rules)
	scaled[0].adjust = timesRootDModel
	return scaled
}

func timesRootDModel(c Config, data []float32) {
	root := float32(math.Sqrt(float64(c.DModel)))
	for i := range data {
		data[i] *= root
	}
}
