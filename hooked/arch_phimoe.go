package hooked

import "slices"

// phiMoe reads Microsoft's Phi 3.5 MoE: layer norms, biases, and a router that chooses two experts
// one after the other.
//
// Source: transformers/models/phimoe/modeling_phimoe.py.
var phiMoe = architecture{
	class: "PhimoeForCausalLM",
	gguf:  "phimoe",
	config: func(f *fields) Config {
		c := llamaSizes(f)
		c.Eps, c.Normalization = f.Positive("rms_norm_eps"), LN // whatever the field is called
		f.phiScales()
		f.rope(&c, wholeRope)
		c = f.mixture(windowed(f, c), "num_local_experts", SparseMixer)
		c.DExpert, c.RouterJitter = c.DMLP, f.FloatOr("router_jitter_noise", 0)
		return c
	},
	ropeAliases: map[string]RopeKind{"su": LongRope},
	defaults: map[string]any{"num_hidden_layers": 32, "hidden_size": 4096, "max_position_embeddings": 131072, "num_attention_heads": 32,
		"num_key_value_heads": 8, "intermediate_size": 6400, "vocab_size": 32064, "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 1e6,
		"attention_bias": false, "lm_head_bias": false, "num_local_experts": 16, "num_experts_per_tok": 2, "router_jitter_noise": 0.01,
		"tie_word_embeddings": false},
	ignored:  []string{"attention_dropout", "hidden_dropout", "input_jitter_noise", "output_router_logits", "router_aux_loss_coef", "original_max_position_embeddings"},
	prefixes: []string{"model."},
	weights: slices.Concat(omit(llamaWeights, "mlp."), qkvBiases("attention_bias"), oBias("attention_bias"), mixtralExperts, []weightRule{
		{to: "blocks.%d.ln1.b", from: "layers.%d.input_layernorm.bias"},
		{to: "blocks.%d.ln2.b", from: "layers.%d.post_attention_layernorm.bias"},
		{to: "ln_final.b", from: "norm.bias"},
		{to: "unembed.b_U", from: "lm_head.bias", iff: "lm_head_bias"},
	}),
}

// phiScales gives the objects of rotary settings, which have a factor of sines and cosines for short
// texts and one for long ones, the field that other families have. Two that differ are refused.
func (f *fields) phiScales() {
	for _, name := range []string{"rope_scaling", "rope_parameters"} {
		object, ok := f.values[name].(map[string]any)
		if !ok || object["short_mscale"] == nil && object["long_mscale"] == nil {
			continue
		}
		object = joined(object, nil)
		if object["short_mscale"] != object["long_mscale"] {
			f.fail("field %q: short_mscale %v and long_mscale %v differ, which is not supported", name, object["short_mscale"], object["long_mscale"])
		}
		object["attention_factor"] = object["short_mscale"]
		delete(object, "short_mscale")
		delete(object, "long_mscale")
		f.values[name] = object
	}
}
