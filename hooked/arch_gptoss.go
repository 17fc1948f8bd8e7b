package hooked

import "slices"

// gptOSS reads OpenAI's gpt-oss: a mixture of experts in every layer, a window in every second one
// from the first, and a sink for each head, which takes a part of its attention and gives nothing.
// The published files hold experts in MXFP4, see [quantMethods].
//
// Source: transformers/models/gpt_oss/modeling_gpt_oss.py. Gate and linear part of an expert
// alternate; one is added to the latter, and both are cut off.
var gptOSS = architecture{
	name:  "gpt-oss",
	class: "GptOssForCausalLM",
	gguf:  "gpt-oss",
	noBOS: true,
	config: func(f *fields) Config {
		if !f.gguf && !f.has("rope_scaling") && !f.has("rope_parameters") {
			f.values["rope_scaling"] = map[string]any{"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
				"truncate": false, "original_max_position_embeddings": 4096.0}
		}
		c := f.mixture(llamaConfig(f), "num_local_experts", NormalizedRouter)
		c.DExpert, c.AttnSinks, c.WindowSize = c.DMLP, true, f.IntOr("sliding_window", 0)
		if f.gguf {
			c.DExpert = f.Int("moe_intermediate_size")
			if s := c.RotaryScaling; s != nil {
				s.Truncate = false
			}
		}
		f.attnTypes(&c, "layer_types", everyNth(2))
		c.SwiGLULimit, c.ActFn = f.Positive("swiglu_limit"), QuickGELU
		f.want("swiglu_alpha", 1.702)
		return c
	},
	defaults: map[string]any{"num_hidden_layers": 36, "hidden_size": 2880, "max_position_embeddings": 131072, "num_attention_heads": 64,
		"num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 2880, "vocab_size": 201088, "rms_norm_eps": 1e-5, "hidden_act": "silu",
		"rope_theta": 150000, "sliding_window": 128, "attention_bias": true, "num_local_experts": 128, "num_experts_per_tok": 4,
		"swiglu_limit": 7, "tie_word_embeddings": false},
	aliases:      map[string]string{"num_experts": "num_local_experts", "experts_per_token": "num_experts_per_tok"},
	ggufKeys:     mixtureGGUFKeys("num_local_experts"),
	ggufDefaults: map[string]any{"rope_theta": 150000},
	ggufFixed:    map[string]any{"hidden_act": "silu", "swiglu_limit": 7.0},
	ignored: []string{"attention_dropout", "output_router_logits", "router_aux_loss_coef", "initial_context_length", "rope_ntk_alpha",
		"rope_ntk_beta", "rope_scaling_factor"},
	unpacks:  true,
	prefixes: []string{"model."},
	weights: slices.Concat(omit(llamaWeights, "mlp."), qkvBiases("attention_bias"), oBias("attention_bias"), []weightRule{
		{to: "blocks.%d.attn.sinks", from: "layers.%d.self_attn.sinks"},
		{to: "blocks.%d.mlp.W_router", from: "layers.%d.mlp.router.weight", pattern: "expert d -> d expert"},
		{to: "blocks.%d.mlp.b_router", from: "layers.%d.mlp.router.bias"},
		{to: "blocks.%d.mlp.experts.W_{gate,in}", from: "layers.%d.mlp.experts.gate_up_proj", pattern: "expert d (w gate_up) -> gate_up expert d w"},
		{to: "blocks.%d.mlp.experts.b_{gate,in}", from: "layers.%d.mlp.experts.gate_up_proj_bias", pattern: "expert (w gate_up) -> gate_up expert w"},
		{to: "blocks.%d.mlp.experts.W_out", from: "layers.%d.mlp.experts.down_proj"},
		{to: "blocks.%d.mlp.experts.b_out", from: "layers.%d.mlp.experts.down_proj_bias"},
	}),
	ggufWeights: slices.Concat(omit(plainGGUFWeights, "mlp.", "ln2."), separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), expertGGUFWeights, []weightRule{
		{to: "blocks.%d.ln2.w", from: "blk.%d.post_attention_norm.weight"},
		{to: "blocks.%d.attn.sinks", from: "blk.%d.attn_sinks.weight"},
		{to: "blocks.%d.mlp.b_router", from: "blk.%d.ffn_gate_inp.bias"},
		{to: "blocks.%d.mlp.experts.b_gate", from: "blk.%d.ffn_gate_exps.bias"},
		{to: "blocks.%d.mlp.experts.b_in", from: "blk.%d.ffn_up_exps.bias"},
		{to: "blocks.%d.mlp.experts.b_out", from: "blk.%d.ffn_down_exps.bias"},
	}),
}
