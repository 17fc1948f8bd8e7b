package hooked

import "slices"

// smolLM3 reads Hugging Face's SmolLM3: Llama in which every fourth layer knows no positions.
//
// Source: transformers/models/smollm3/modeling_smollm3.py.
var smolLM3 = architecture{
	class: "SmolLM3ForCausalLM",
	gguf:  "smollm3",
	config: func(f *fields) Config {
		c := llamaLike(f, wholeRope)
		f.rotaryLayers(&c)
		if f.said("sliding_window"); f.Bool("use_sliding_window") {
			c.WindowSize = f.IntOr("sliding_window", 0)
		}
		f.attnTypes(&c, "layer_types", func(l int) AttentionKind {
			if c.WindowSize > 0 && !c.rotates(l) {
				return LocalAttention
			}
			return GlobalAttention
		})
		return c
	},
	defaults: map[string]any{"num_hidden_layers": 36, "hidden_size": 2048, "max_position_embeddings": 32768, "num_attention_heads": 16,
		"num_key_value_heads": 4, "intermediate_size": 11008, "vocab_size": 128256, "rms_norm_eps": 1e-6, "hidden_act": "silu",
		"rope_theta": 2000000, "no_rope_layer_interval": 4, "attention_bias": false, "mlp_bias": false, "use_sliding_window": false,
		"tie_word_embeddings": true},
	ggufKeys:     llamaGGUFKeys,
	ggufDefaults: joined(llamaCPP, map[string]any{"no_rope_layer_interval": 4}), // llama.cpp knows no other
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	ignored:      []string{"attention_dropout", "pretraining_tp"},
	prefixes:     []string{"model."},
	weights:      slices.Concat(llamaWeights, qkvBiases("attention_bias"), oBias("attention_bias")),
	ggufWeights:  slices.Concat(plainGGUFWeights, permutedQK),
}

// rotaryLayers reads which layers turn q and k: a list in which 1 says so, or all but every n-th.
func (f *fields) rotaryLayers(c *Config) {
	const name = "no_rope_layers"
	nth := f.Int("no_rope_layer_interval")
	if c.NLayers < 1 || c.NLayers > maxLayers || nth < 1 {
		return
	}
	c.RotaryLayers = make([]bool, c.NLayers)
	for l := range c.RotaryLayers {
		c.RotaryLayers[l] = (l+1)%nth != 0
	}
	if _, listed := f.said(name); listed {
		list := f.floats(name)
		if len(list) != c.NLayers {
			f.fail("field %q has %d entries for %d layers", name, len(list), c.NLayers)
			return
		}
		for l, v := range list {
			c.RotaryLayers[l] = v != 0
		}
	}
	if !slices.Contains(c.RotaryLayers, false) {
		c.RotaryLayers = nil // so that the ways of saying it are one
	}
}
