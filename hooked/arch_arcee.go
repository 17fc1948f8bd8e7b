package hooked

import "slices"

// arcee reads Arcee's AFM: Llama with a plain MLP of squared ReLUs.
//
// Sources: transformers/models/arcee/modeling_arcee.py; for GGUF, llama.cpp's conversion/arcee.py,
// which is Llama's.
var arcee = architecture{
	name:  "Arcee AFM",
	class: "ArceeForCausalLM",
	gguf:  "arcee",
	config: func(f *fields) Config {
		c := llamaLike(f, wholeRope)
		c.GatedMLP = false
		return c
	},
	defaults: map[string]any{"num_hidden_layers": 32, "hidden_size": 2560, "max_position_embeddings": 4096, "num_attention_heads": 32,
		"intermediate_size": 18432, "vocab_size": 32000, "rms_norm_eps": 1e-5, "hidden_act": "relu2", "rope_theta": 10000,
		"attention_bias": false, "mlp_bias": false, "tie_word_embeddings": false},
	ggufKeys:     llamaGGUFKeys,
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "relu2"},
	ignored:      []string{"attention_dropout"},
	prefixes:     []string{"model."},
	weights:      slices.Concat(omit(llamaWeights, "W_gate"), qkvBiases("attention_bias"), oBias("attention_bias")),
	ggufWeights:  slices.Concat(omit(plainGGUFWeights, "W_gate"), permutedQK),
}
