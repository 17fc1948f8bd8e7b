package hooked

import "slices"

// qwen2Moe reads Qwen 1.5 and 2 with experts: some layers may be dense, and one more expert, behind
// a gate of its own, is used by all tokens.
//
// Source: transformers/models/qwen2_moe/modeling_qwen2_moe.py.
var qwen2Moe = architecture{
	class: "Qwen2MoeForCausalLM",
	gguf:  "qwen2moe",
	noBOS: true,
	config: func(f *fields) Config {
		c := qwenMixture(f, qwenConfig(f), "num_experts")
		if c.DSharedExpert = f.CountOr("shared_expert_intermediate_size", 0); c.DSharedExpert == 0 {
			f.fail("field %q is missing or 0", "shared_expert_intermediate_size")
		}
		return c
	},
	defaults: map[string]any{"num_hidden_layers": 24, "hidden_size": 2048, "max_position_embeddings": 32768, "num_attention_heads": 16,
		"num_key_value_heads": 16, "intermediate_size": 5632, "vocab_size": 151936, "rms_norm_eps": 1e-6, "hidden_act": "silu",
		"rope_theta": 10000, "use_sliding_window": false, "sliding_window": 4096, "max_window_layers": 28, "qkv_bias": true, "num_experts": 60,
		"num_experts_per_tok": 4, "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632, "norm_topk_prob": false,
		"decoder_sparse_step": 1, "tie_word_embeddings": false},
	aliases:        map[string]string{"num_local_experts": "num_experts"},
	ggufKeys:       mixtureGGUFKeys("num_experts"),
	ggufDefaults:   llamaCPP,
	ggufFixed:      map[string]any{"hidden_act": "silu", "norm_topk_prob": false},
	ignored:        append([]string{"attention_dropout"}, mixtureIgnored...),
	prefixes:       []string{"model."},
	ignoredTensors: []string{"layers.*.self_attn.rotary_emb.inv_freq"},
	weights: slices.Concat(llamaWeights, qkvBiases("qkv_bias"), qwenExperts, []weightRule{
		{to: "blocks.%d.mlp.shared.W_gate", from: "layers.%d.mlp.shared_expert.gate_proj.weight", pattern: "s d -> d s"},
		{to: "blocks.%d.mlp.shared.W_in", from: "layers.%d.mlp.shared_expert.up_proj.weight", pattern: "s d -> d s"},
		{to: "blocks.%d.mlp.shared.W_out", from: "layers.%d.mlp.shared_expert.down_proj.weight", pattern: "d s -> s d"},
		{to: "blocks.%d.mlp.W_shared_gate", from: "layers.%d.mlp.shared_expert_gate.weight", pattern: "1 d -> d 1"},
	}),
	ggufWeights: slices.Concat(plainGGUFWeights, separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), expertGGUFWeights, []weightRule{
		{to: "blocks.%d.mlp.shared.W_gate", from: "blk.%d.ffn_gate_shexp.weight", pattern: "s d -> d s"},
		{to: "blocks.%d.mlp.shared.W_in", from: "blk.%d.ffn_up_shexp.weight", pattern: "s d -> d s"},
		{to: "blocks.%d.mlp.shared.W_out", from: "blk.%d.ffn_down_shexp.weight", pattern: "d s -> s d"},
		{to: "blocks.%d.mlp.W_shared_gate", from: "blk.%d.ffn_gate_inp_shexp.weight", pattern: "(d 1) -> d 1"},
	}),
}

// qwen3Moe reads Qwen 3 with experts.
//
// Source: transformers/models/qwen3_moe/modeling_qwen3_moe.py.
var qwen3Moe = architecture{
	class: "Qwen3MoeForCausalLM",
	gguf:  "qwen3moe",
	noBOS: true,
	config: func(f *fields) Config {
		c := qwenMixture(f, llamaConfig(f), "num_local_experts")
		c.UseQKNorm = true
		if f.said("sliding_window"); f.Bool("use_sliding_window") {
			c = windowed(f, c)
		}
		return c
	},
	defaults: map[string]any{"num_hidden_layers": 24, "hidden_size": 2048, "max_position_embeddings": 32768, "num_attention_heads": 32,
		"num_key_value_heads": 4, "intermediate_size": 6144, "vocab_size": 151936, "rms_norm_eps": 1e-6, "hidden_act": "silu",
		"rope_theta": 10000, "attention_bias": false, "use_sliding_window": false, "sliding_window": 4096, "num_local_experts": 128,
		"num_experts_per_tok": 8, "moe_intermediate_size": 768, "norm_topk_prob": false, "decoder_sparse_step": 1, "tie_word_embeddings": false},
	aliases:      map[string]string{"num_experts": "num_local_experts"},
	ggufKeys:     mixtureGGUFKeys("num_local_experts"),
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu", "norm_topk_prob": true},
	ignored:      append([]string{"attention_dropout", "max_window_layers"}, mixtureIgnored...),
	prefixes:     []string{"model."},
	weights: slices.Concat(llamaWeights, qkvBiases("attention_bias"), oBias("attention_bias"), qwenExperts, []weightRule{
		{to: "blocks.%d.attn.q_norm.w", from: "layers.%d.self_attn.q_norm.weight"},
		{to: "blocks.%d.attn.k_norm.w", from: "layers.%d.self_attn.k_norm.weight"},
	}),
	ggufWeights: slices.Concat(plainGGUFWeights, separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), expertGGUFWeights, []weightRule{
		{to: "blocks.%d.attn.q_norm.w", from: "blk.%d.attn_q_norm.weight"},
		{to: "blocks.%d.attn.k_norm.w", from: "blk.%d.attn_k_norm.weight"},
	}),
}

// qwenExperts are the tensors of the experts of Qwen and OLMoE.
var qwenExperts = []weightRule{
	{to: "blocks.%d.mlp.W_router", from: "layers.%d.mlp.gate.weight", pattern: "expert d -> d expert"},
	{to: "blocks.%d.mlp.experts.W_gate", from: "layers.%d.mlp.experts.#.gate_proj.weight", pattern: "expert w d -> expert d w"},
	{to: "blocks.%d.mlp.experts.W_in", from: "layers.%d.mlp.experts.#.up_proj.weight", pattern: "expert w d -> expert d w"},
	{to: "blocks.%d.mlp.experts.W_out", from: "layers.%d.mlp.experts.#.down_proj.weight", pattern: "expert d w -> expert w d"},
}

// qwenMixture reads the experts, and which layers have any: every so many, but for those that a list
// names. In GGUF files all have.
func qwenMixture(f *fields, c Config, experts string) Config {
	c = f.mixture(c, experts, f.topRouter())
	if c.DExpert = f.Int("moe_intermediate_size"); f.gguf {
		return c
	}
	step, dense := f.Int("decoder_sparse_step"), f.listOr("mlp_only_layers")
	if c.NLayers < 1 || c.NLayers > maxLayers || step < 1 {
		return c
	}
	c.SparseLayers = make([]bool, c.NLayers)
	for l := range c.SparseLayers {
		c.SparseLayers[l] = (l+1)%step == 0 && !slices.Contains(dense, float64(l))
	}
	if !slices.Contains(c.SparseLayers, false) {
		c.SparseLayers = nil // so that the ways of saying it are one
	}
	return c
}

// topRouter is whether the gates of the chosen experts are made to sum to one.
func (f *fields) topRouter() Router {
	if f.Bool("norm_topk_prob") {
		return NormalizedRouter
	}
	return SoftmaxRouter
}

// listOr is a list of numbers that may be absent.
func (f *fields) listOr(name string) []float64 {
	if _, ok := f.get(name); !ok {
		return nil
	}
	return f.floats(name)
}
