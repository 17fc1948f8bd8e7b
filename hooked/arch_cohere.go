package hooked

import "slices"

// cohere reads Cohere's Command R: attention and MLP read one layer norm that does not shift, and
// logits are multiplied by a number, which is put into W_U. As in Phi ln2 is a copy of ln1.
//
// Source: transformers/models/cohere/modeling_cohere.py.
var cohere = architecture{
	class: "CohereForCausalLM",
	gguf:  "command-r",
	config: func(f *fields) Config {
		c := cohereLike(f)
		if f.Bool("use_qk_norm") {
			c.UseQKNorm, c.QKNorm = true, OwnLN
		}
		return c
	},
	defaults:     joined(cohereDefaults, map[string]any{"rope_theta": 500000, "use_qk_norm": false}),
	ggufKeys:     cohereGGUFKeys,
	ggufTensors:  map[string]string{"blk.0.attn_q_norm.weight": "use_qk_norm"},
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	ignored:      []string{"attention_dropout", "pretraining_tp"},
	prefixes:     []string{"model."},
	weights: slices.Concat(cohereWeights, []weightRule{
		{to: "blocks.%d.attn.q_norm.w", from: "layers.%d.self_attn.q_norm.weight", iff: "use_qk_norm"},
		{to: "blocks.%d.attn.k_norm.w", from: "layers.%d.self_attn.k_norm.weight", iff: "use_qk_norm"},
	}),
	ggufWeights: slices.Concat(cohereGGUFWeights, ownQKNormsGGUF),
}

// cohere2 reads Command R7B: three layers of four have a window and turn q and k, the fourth does
// neither.
//
// Source: transformers/models/cohere2/modeling_cohere2.py.
var cohere2 = architecture{
	class: "Cohere2ForCausalLM",
	gguf:  "cohere2",
	config: func(f *fields) Config {
		c := cohereLike(f)
		c.WindowSize = f.IntOr("sliding_window", 0)
		nth := 0
		if _, listed := f.said("layer_types"); !listed {
			nth = f.Int("sliding_window_pattern")
		}
		f.said("sliding_window_pattern")
		f.attnTypes(&c, "layer_types", everyNth(nth))
		for l := range min(len(c.AttnTypes), c.NLayers) {
			c.RotaryLayers = append(c.RotaryLayers, c.AttnTypes[l] == LocalAttention)
		}
		if len(c.AttnTypes) == 0 { // all layers are global, and none is turned
			c.RotaryLayers = make([]bool, max(0, min(c.NLayers, maxLayers)))
		}
		return c
	},
	defaults: joined(cohereDefaults, map[string]any{"rope_theta": 10000, "sliding_window": 4096, "sliding_window_pattern": 4}),
	ggufKeys: joined(cohereGGUFKeys, map[string]string{"attention.sliding_window": "sliding_window",
		"attention.sliding_window_pattern": ggufWindowsField}),
	ggufDefaults: joined(llamaCPP, map[string]any{"sliding_window_pattern": 4}),
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	ignored: []string{"attention_dropout", "_sliding_window_pattern", "cache_implementation", "order_of_interleaved_layers", "position_embedding_type",
		"rotary_pct", "use_embedding_sharing", "use_gated_activation", "use_parallel_block", "use_parallel_embedding"},
	prefixes:    []string{"model."},
	weights:     cohereWeights,
	ggufWeights: cohereGGUFWeights,
}

func cohereLike(f *fields) Config {
	c := llamaSizes(f)
	c.Eps, c.Normalization, c.LNWithoutBias = f.Positive("layer_norm_eps"), LN, true
	c.ParallelAttnMLP, c.RotaryAdjacentPairs = true, true
	f.rope(&c, wholeRope)
	return c
}

var cohereDefaults = map[string]any{"num_hidden_layers": 40, "hidden_size": 8192, "max_position_embeddings": 8192,
	"num_attention_heads": 64, "intermediate_size": 22528, "vocab_size": 256000, "layer_norm_eps": 1e-5, "hidden_act": "silu",
	"logit_scale": 0.0625, "attention_bias": false, "tie_word_embeddings": true}

var cohereGGUFKeys = joined(llamaGGUFKeys, map[string]string{"attention.layer_norm_epsilon": "layer_norm_eps", "logit_scale": "logit_scale"})

var cohereWeights = slices.Concat(omit(llamaWeights, "ln2.", "unembed."), qkvBiases("attention_bias"), oBias("attention_bias"), []weightRule{
	{to: "blocks.%d.ln2.w", from: "layers.%d.input_layernorm.weight"},
	{to: "unembed.W_U", from: "lm_head.weight", tied: "embed_tokens.weight", pattern: "v d -> d v", scale: "logit_scale"},
})

var cohereGGUFWeights = slices.Concat(omit(plainGGUFWeights, "ln2.", "unembed."),
	separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), []weightRule{
		{to: "blocks.%d.ln2.w", from: "blk.%d.attn_norm.weight"},
		{to: "unembed.W_U", from: "output.weight", tied: "token_embd.weight", pattern: "v d -> d v", scale: "logit_scale"},
	})

// ownQKNormsGGUF are the weights of norms of each head of q and k, as GGUF files have them.
var ownQKNormsGGUF = []weightRule{
	{to: "blocks.%d.attn.q_norm.w", from: "blk.%d.attn_q_norm.weight"},
	{to: "blocks.%d.attn.k_norm.w", from: "blk.%d.attn_k_norm.weight"},
}
