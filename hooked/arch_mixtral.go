package hooked

import "slices"

// mixtral reads Mistral's Mixtral: Mistral with a mixture of experts in every layer, whose gates sum
// to one. llama.cpp writes it as a llama with experts.
//
// Source: transformers/models/mixtral/modeling_mixtral.py.
var mixtral = architecture{
	class:    "MixtralForCausalLM",
	gguf:     "llama",
	ggufWhen: "expert_count",
	config: func(f *fields) Config {
		c := windowed(f, llamaConfig(f))
		c.DExpert = c.DMLP
		return f.mixture(c, "num_local_experts", NormalizedRouter)
	},
	defaults: map[string]any{"num_hidden_layers": 32, "hidden_size": 4096, "max_position_embeddings": 131072, "num_attention_heads": 32,
		"num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 32000, "rms_norm_eps": 1e-5, "hidden_act": "silu",
		"rope_theta": 1e6, "num_local_experts": 8, "num_experts_per_tok": 2, "tie_word_embeddings": false},
	aliases:        map[string]string{"num_experts": "num_local_experts"},
	ggufKeys:       mixtureGGUFKeys("num_local_experts"),
	ggufDefaults:   llamaCPP,
	ggufFixed:      map[string]any{"hidden_act": "silu"},
	ignored:        append([]string{"attention_dropout"}, mixtureIgnored...),
	prefixes:       []string{"model."},
	ignoredTensors: []string{"layers.*.self_attn.rotary_emb.inv_freq", ropeFactors},
	weights:        slices.Concat(omit(llamaWeights, "mlp."), mixtralExperts),
	ggufWeights:    slices.Concat(omit(plainGGUFWeights, "mlp."), permutedQK, expertGGUFWeights),
}

// mixtralExperts are the tensors of Mixtral's and Phi's experts: w1 is the gate, w3 the linear part.
var mixtralExperts = []weightRule{
	{to: "blocks.%d.mlp.W_router", from: "layers.%d.block_sparse_moe.gate.weight|layers.%d.mlp.gate.weight", pattern: "expert d -> d expert"},
	{to: "blocks.%d.mlp.experts.W_gate", from: "layers.%d.block_sparse_moe.experts.#.w1.weight", pattern: "expert w d -> expert d w"},
	{to: "blocks.%d.mlp.experts.W_in", from: "layers.%d.block_sparse_moe.experts.#.w3.weight", pattern: "expert w d -> expert d w"},
	{to: "blocks.%d.mlp.experts.W_out", from: "layers.%d.block_sparse_moe.experts.#.w2.weight", pattern: "expert d w -> expert w d"},
}

// expertGGUFWeights are the tensors that llama.cpp writes for experts, all of a layer in one.
var expertGGUFWeights = []weightRule{
	{to: "blocks.%d.mlp.W_router", from: "blk.%d.ffn_gate_inp.weight", pattern: "expert d -> d expert"},
	{to: "blocks.%d.mlp.experts.W_gate", from: "blk.%d.ffn_gate_exps.weight", pattern: "expert w d -> expert d w"},
	{to: "blocks.%d.mlp.experts.W_in", from: "blk.%d.ffn_up_exps.weight", pattern: "expert w d -> expert d w"},
	{to: "blocks.%d.mlp.experts.W_out", from: "blk.%d.ffn_down_exps.weight", pattern: "expert d w -> expert w d"},
}

// mixtureGGUFKeys are the metadata of Llama's relatives with experts; experts is the field of their
// number.
func mixtureGGUFKeys(experts string) map[string]string {
	return joined(llamaGGUFKeys, map[string]string{"expert_count": experts, "expert_used_count": "num_experts_per_tok",
		"expert_feed_forward_length": "moe_intermediate_size", "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
		"attention.sliding_window": "sliding_window", "attention.sliding_window_pattern": ggufWindowsField})
}

// mixtureIgnored are fields of training. A jitter of the router's input is noise, and of training
// too.
var mixtureIgnored = []string{"output_router_logits", "router_aux_loss_coef", "router_jitter_noise", "input_jitter_noise"}

// mixture reads the number of experts, from the field of that name, and of those that a token uses.
func (f *fields) mixture(c Config, experts string, router Router) Config {
	c.NExperts, c.ExpertsPerToken, c.Router = f.Int(experts), f.Int("num_experts_per_tok"), router
	return c
}
