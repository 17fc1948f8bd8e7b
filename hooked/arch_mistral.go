package hooked

// mistral reads Mistral 7B: Llama with a sliding window in every layer. llama.cpp writes it as a
// llama.
//
// Source: transformers/models/mistral/modeling_mistral.py.
var mistral = architecture{
	name:   "Mistral",
	class:  "MistralForCausalLM",
	config: mistralConfig,
	defaults: map[string]any{"num_hidden_layers": 32, "hidden_size": 4096, "max_position_embeddings": 131072, "num_attention_heads": 32,
		"num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 32000, "rms_norm_eps": 1e-6, "hidden_act": "silu",
		"rope_theta": 10000, "sliding_window": 4096, "tie_word_embeddings": false},
	ignored:        []string{"attention_dropout"},
	prefixes:       []string{"model."},
	ignoredTensors: []string{"layers.*.self_attn.rotary_emb.inv_freq"},
	weights:        llamaWeights,
}

func mistralConfig(f *fields) Config { return windowed(f, llamaConfig(f)) }

// windowed gives c a window in every layer, if the file gives one; a GGUF file without one may
// say 0. The class looks at no layer_types: a list that says otherwise is refused.
func windowed(f *fields, c Config) Config {
	if f.gguf {
		c.WindowSize = f.CountOr("sliding_window", 0)
	} else {
		c.WindowSize = f.IntOr("sliding_window", 0)
	}
	kind := GlobalAttention
	if c.WindowSize > 0 {
		kind = LocalAttention
	}
	window := c.WindowSize
	f.attnTypes(&c, "layer_types", func(int) AttentionKind { return kind })
	for _, got := range c.AttnTypes {
		if got != kind {
			f.fail("field \"layer_types\" is not the same for all layers, or contradicts a sliding_window of %d", window)
			break
		}
	}
	return c
}
