package hooked

import "slices"

// granite reads IBM's Granite 3: Llama with four multipliers. Three are put into weights, so that
// hook_embed, hook_attn_out and hook_mlp_out are what reaches the residual stream and W_U gives
// logits; the fourth takes the place of the root of d_head.
//
// Source: transformers/models/granite/modeling_granite.py.
var granite = architecture{
	class:          "GraniteForCausalLM",
	gguf:           "granite",
	noBOS:          true,
	config:         graniteConfig,
	defaults:       graniteDefaults,
	ggufKeys:       graniteGGUFKeys,
	ggufDefaults:   graniteCPP,
	ggufFixed:      map[string]any{"hidden_act": "silu"},
	ignored:        []string{"attention_dropout"},
	prefixes:       []string{"model."},
	ignoredTensors: []string{ropeFactors},
	weights: slices.Concat(omit(llamaWeights, "W_O", "embed.W_E", "W_out", "W_U"), graniteScaled, qkvBiases("attention_bias"), []weightRule{
		{to: "blocks.%d.attn.b_O", from: "layers.%d.self_attn.o_proj.bias", iff: "attention_bias", scale: "residual_multiplier"},
		{to: "blocks.%d.mlp.W_out", from: "layers.%d.mlp.down_proj.weight", pattern: "d m -> m d", scale: "residual_multiplier"},
	}),
	ggufWeights: slices.Concat(omit(plainGGUFWeights, "W_O", "b_O", "embed.W_E", "W_out", "W_U"), permutedQK, []weightRule{
		{to: "embed.W_E", from: "token_embd.weight", scale: "embedding_multiplier"},
		{to: "blocks.%d.attn.W_O", from: "blk.%d.attn_output.weight", pattern: "d (head e) -> head e d", scale: "residual_multiplier"},
		{to: "blocks.%d.attn.b_O", from: "blk.%d.attn_output.bias", scale: "residual_multiplier"},
		{to: "blocks.%d.mlp.W_out", from: "blk.%d.ffn_down.weight", pattern: "d m -> m d", scale: "residual_multiplier"},
		{to: "unembed.W_U", from: "output.weight", tied: "token_embd.weight", pattern: "v d -> d v", scale: "/logits_scaling"},
	}),
}

// graniteMoe reads IBM's Granite 3 with experts, whose gates sum to one.
//
// Source: transformers/models/granitemoe/modeling_granitemoe.py.
var graniteMoe = architecture{
	class: "GraniteMoeForCausalLM",
	gguf:  "granitemoe",
	noBOS: true,
	config: func(f *fields) Config {
		c := f.mixture(graniteConfig(f), "num_local_experts", NormalizedRouter)
		c.DExpert = c.DMLP
		f.want("position_embedding_type", "rope")
		return c
	},
	defaults:       joined(graniteDefaults, map[string]any{"num_local_experts": 8, "num_experts_per_tok": 2}),
	ggufKeys:       joined(graniteGGUFKeys, mixtureGGUFKeys("num_local_experts")),
	ggufDefaults:   graniteCPP,
	ggufFixed:      map[string]any{"hidden_act": "silu"},
	ignored:        append([]string{"attention_dropout"}, mixtureIgnored...),
	prefixes:       []string{"model."},
	ignoredTensors: []string{ropeFactors},
	weights: slices.Concat(omit(llamaWeights, "W_O", "embed.W_E", "mlp.", "W_U"), graniteScaled, qkvBiases("attention_bias"), []weightRule{
		{to: "blocks.%d.attn.b_O", from: "layers.%d.self_attn.o_proj.bias", iff: "attention_bias", scale: "residual_multiplier"},
		{to: "blocks.%d.mlp.W_router", from: "layers.%d.block_sparse_moe.router.layer.weight", pattern: "expert d -> d expert"},
		{to: "blocks.%d.mlp.experts.W_{gate,in}", from: "layers.%d.block_sparse_moe.input_linear.weight", pattern: "expert (gate_up w) d -> gate_up expert d w"},
		{to: "blocks.%d.mlp.experts.W_out", from: "layers.%d.block_sparse_moe.output_linear.weight", pattern: "expert d w -> expert w d", scale: "residual_multiplier"},
	}),
	ggufWeights: slices.Concat(omit(granite.ggufWeights, "mlp."), omit(expertGGUFWeights, "W_out"), []weightRule{
		{to: "blocks.%d.mlp.experts.W_out", from: "blk.%d.ffn_down_exps.weight", pattern: "expert d w -> expert w d", scale: "residual_multiplier"},
	}),
}

// graniteScaled are the weights that a multiplier is put into, but for MLPs.
var graniteScaled = []weightRule{
	{to: "embed.W_E", from: "embed_tokens.weight", scale: "embedding_multiplier"},
	{to: "blocks.%d.attn.W_O", from: "layers.%d.self_attn.o_proj.weight", pattern: "d (head e) -> head e d", scale: "residual_multiplier"},
	{to: "unembed.W_U", from: "lm_head.weight", tied: "embed_tokens.weight", pattern: "v d -> d v", scale: "/logits_scaling"},
}

var graniteDefaults = map[string]any{"num_hidden_layers": 32, "hidden_size": 4096, "max_position_embeddings": 2048,
	"num_attention_heads": 32, "intermediate_size": 11008, "vocab_size": 32000, "rms_norm_eps": 1e-6, "hidden_act": "silu",
	"rope_theta": 10000, "attention_multiplier": 1, "embedding_multiplier": 1, "residual_multiplier": 1, "logits_scaling": 1,
	"attention_bias": false, "mlp_bias": false, "tie_word_embeddings": false}

var graniteGGUFKeys = joined(llamaGGUFKeys, map[string]string{"attention.scale": "attention_multiplier", "embedding_scale": "embedding_multiplier",
	"residual_scale": "residual_multiplier", "logit_scale": "logits_scaling"})

// graniteCPP are what llama.cpp takes multipliers for that a file leaves out.
var graniteCPP = joined(llamaCPP, map[string]any{"embedding_multiplier": 1, "residual_multiplier": 1, "logits_scaling": 1})

func graniteConfig(f *fields) Config {
	c := llamaLike(f, wholeRope)
	if f.gguf { // which leaves it out where it is the usual
		if m := f.PositiveOr("attention_multiplier", 0); m > 0 {
			c.AttnScale = 1 / m
		}
		return c
	}
	c.AttnScale = 1 / f.Positive("attention_multiplier")
	return c
}
