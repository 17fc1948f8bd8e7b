package hooked

// mistral reads Mistral 7B: Llama with a sliding window in every layer. llama.cpp writes it as a llama.
//
// Source: transformers/models/mistral/modeling_mistral.py.
var mistral = architecture{
	class:          "MistralForCausalLM",
	config:         windowedConfig,
	ignored:        []string{"attention_dropout"},
	prefixes:       []string{"model."},
	ignoredTensors: []string{"layers.*.self_attn.rotary_emb.inv_freq"},
	weights:        llamaWeights,
}

// windowedConfig is [llamaConfig] with a window in every layer, if the file gives one.
func windowedConfig(f *fields) Config {
	c := llamaConfig(f)
	c.WindowSize = f.IntOr("sliding_window", 0)
	if c.WindowSize > 0 {
		f.attnTypes(&c, "layer_types", func(int) AttentionKind { return LocalAttention })
	}
	return c
}
