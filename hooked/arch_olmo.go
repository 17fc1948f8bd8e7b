package hooked

import "slices"

// olmo reads OLMo 1 of the Allen Institute for AI: Llama with layer norms that have no weights, and
// in some sizes q, k and v cut off at a bound.
//
// Source: transformers/models/olmo/modeling_olmo.py.
var olmo = architecture{
	class: "OlmoForCausalLM",
	gguf:  "olmo",
	noBOS: true,
	config: func(f *fields) Config {
		c := llamaSizes(f)
		c.Normalization, c.Eps = LNPre, 1e-5 // the class says no other
		c.ClipQKV = f.PositiveOr("clip_qkv", 0)
		if f.gguf {
			f.want("layer_norm_eps", 1e-5, float64(float32(1e-5)))
		}
		f.rope(&c, wholeRope)
		return c
	},
	defaults: olmoDefaults,
	ggufKeys: joined(llamaGGUFKeys, map[string]string{"attention.layer_norm_epsilon": "layer_norm_eps",
		"attention.clamp_kqv": "clip_qkv"}),
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	ignored:      []string{"attention_dropout"},
	prefixes:     []string{"model."},
	weights:      slices.Concat(omit(llamaWeights, "ln"), qkvBiases("attention_bias"), oBias("attention_bias")),
	ggufWeights:  slices.Concat(omit(plainGGUFWeights, "ln"), permutedQK),
}

var olmoDefaults = map[string]any{"num_hidden_layers": 32, "hidden_size": 4096, "max_position_embeddings": 2048,
	"num_attention_heads": 32, "intermediate_size": 11008, "vocab_size": 50304, "hidden_act": "silu", "rope_theta": 10000,
	"attention_bias": false, "tie_word_embeddings": false}

// olmo2 reads OLMo 2: norms stand after attention and MLP and none before, and q and k are
// normalized whole.
//
// Source: transformers/models/olmo2/modeling_olmo2.py.
var olmo2 = architecture{
	class:        "Olmo2ForCausalLM",
	gguf:         "olmo2",
	noBOS:        true,
	config:       func(f *fields) Config { return normedAfter(llamaLike(f, wholeRope)) },
	defaults:     joined(olmoDefaults, map[string]any{"rms_norm_eps": 1e-5}),
	ggufKeys:     llamaGGUFKeys,
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	ignored:      []string{"attention_dropout"},
	prefixes:     []string{"model."},
	weights:      olmo2Weights,
	ggufWeights:  olmo2GGUFWeights,
}

// olmo3 reads OLMo 3: OLMo 2 with a window in three layers of four, whose angles are never
// stretched.
//
// Source: transformers/models/olmo3/modeling_olmo3.py.
var olmo3 = architecture{
	class:    "Olmo3ForCausalLM",
	gguf:     "olmo2",
	ggufWhen: "attention.sliding_window",
	noBOS:    true,
	config: func(f *fields) Config {
		c := llamaSizes(f)
		c.Eps, c.Normalization = f.Positive("rms_norm_eps"), RMS
		c.WindowSize = f.IntOr("sliding_window", 0)
		f.attnTypes(&c, "layer_types", everyNth(4))
		f.ropeByKind(&c, "rope_theta")
		f.want("rope_local_base_freq", c.RotaryBaseLocal) // which no class reads
		if c.RotaryScaling == nil && c.RotaryBaseLocal == c.RotaryBase {
			c.RotaryBaseLocal = 0
		}
		return normedAfter(c)
	},
	defaults: joined(olmoDefaults, map[string]any{"rms_norm_eps": 1e-5, "rope_theta": 500000, "sliding_window": 4096}),
	ggufKeys: joined(llamaGGUFKeys, map[string]string{"attention.sliding_window": "sliding_window",
		"attention.sliding_window_pattern": ggufWindowsField}),
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	ignored:      []string{"attention_dropout"},
	prefixes:     []string{"model."},
	weights:      olmo2Weights,
	ggufWeights:  olmo2GGUFWeights,
}

func normedAfter(c Config) Config {
	c.NormalizationAfterOnly, c.UseQKNorm, c.QKNorm = true, true, AllHeads
	return c
}

var olmo2Weights = slices.Concat(omit(llamaWeights, "ln1.", "ln2."), qkvBiases("attention_bias"), oBias("attention_bias"),
	wholeQKNorms, []weightRule{
		{to: "blocks.%d.ln1_post.w", from: "layers.%d.post_attention_layernorm.weight"},
		{to: "blocks.%d.ln2_post.w", from: "layers.%d.post_feedforward_layernorm.weight"},
	})

// wholeQKNorms are the weights of norms over all heads of q and k together.
var wholeQKNorms = []weightRule{
	{to: "blocks.%d.attn.q_norm.w", from: "layers.%d.self_attn.q_norm.weight", pattern: "(head e) -> head e"},
	{to: "blocks.%d.attn.k_norm.w", from: "layers.%d.self_attn.k_norm.weight", pattern: "(kv e) -> kv e"},
}

var wholeQKNormsGGUF = []weightRule{
	{to: "blocks.%d.attn.q_norm.w", from: "blk.%d.attn_q_norm.weight", pattern: "(head e) -> head e"},
	{to: "blocks.%d.attn.k_norm.w", from: "blk.%d.attn_k_norm.weight", pattern: "(kv e) -> kv e"},
}

var olmo2GGUFWeights = slices.Concat(omit(plainGGUFWeights, "ln1.", "ln2."), wholeQKNormsGGUF,
	separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), []weightRule{
		{to: "blocks.%d.ln1_post.w", from: "blk.%d.post_attention_norm.weight"},
		{to: "blocks.%d.ln2_post.w", from: "blk.%d.post_ffw_norm.weight"},
	})

// olmoe reads OLMoE: experts whose gates do not sum to one, q and k normalized whole, norms where
// Llama has them.
//
// Source: transformers/models/olmoe/modeling_olmoe.py.
var olmoe = architecture{
	class: "OlmoeForCausalLM",
	gguf:  "olmoe",
	noBOS: true,
	config: func(f *fields) Config {
		c := f.mixture(llamaLike(f, wholeRope), "num_experts", f.topRouter())
		c.DExpert, c.UseQKNorm, c.QKNorm = c.DMLP, true, AllHeads
		c.ClipQKV = f.PositiveOr("clip_qkv", 0)
		return c
	},
	defaults: joined(olmoDefaults, map[string]any{"num_hidden_layers": 16, "hidden_size": 2048, "max_position_embeddings": 4096,
		"num_attention_heads": 16, "intermediate_size": 2048, "rms_norm_eps": 1e-5, "num_experts": 64, "num_experts_per_tok": 8, "norm_topk_prob": false}),
	aliases:      map[string]string{"num_local_experts": "num_experts"},
	ggufKeys:     mixtureGGUFKeys("num_experts"),
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu", "norm_topk_prob": false},
	ignored:      append([]string{"attention_dropout"}, mixtureIgnored...),
	prefixes:     []string{"model."},
	weights:      slices.Concat(omit(llamaWeights, "mlp."), qkvBiases("attention_bias"), oBias("attention_bias"), wholeQKNorms, qwenExperts),
	ggufWeights: slices.Concat(omit(plainGGUFWeights, "mlp."), separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), expertGGUFWeights,
		wholeQKNormsGGUF),
}
