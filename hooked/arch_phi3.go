package hooked

// phi3 reads Microsoft's Phi 3 and 4: Llama with q, k and v in one matrix and gate and up in
// another. Its variants for long contexts scale their angles by [LongRope].
//
// Sources: transformers/models/phi3/modeling_phi3.py; for GGUF llama.cpp's convert_hf_to_gguf.py.
var phi3 = architecture{
	name:  "Phi 3 and 4",
	class: "Phi3ForCausalLM",
	gguf:  "phi3",
	config: func(f *fields) Config {
		for _, name := range []string{"full_attn_mod", "interpolate_factor"} { // Phi 4 mini's, which no class reads
			f.want(name, 1.0)
		}
		return windowed(f, llamaLike(f, partialRope))
	},
	ropeAliases: map[string]RopeKind{"su": LongRope, "yarn": LongRope}, // what the first files said
	ggufKeys: map[string]string{"block_count": "num_hidden_layers", "embedding_length": "hidden_size",
		"context_length": "max_position_embeddings", "feed_forward_length": "intermediate_size",
		"attention.head_count": "num_attention_heads", "attention.head_count_kv": "num_key_value_heads",
		"attention.layer_norm_rms_epsilon": "rms_norm_eps", "attention.sliding_window": "sliding_window",
		"rope.freq_base": "rope_theta", "rope.dimension_count": ggufRotaryField,
		"rope.scaling.attn_factor":             "rope_scaling.attention_factor",
		"rope.scaling.original_context_length": "original_max_position_embeddings"},
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	defaults: map[string]any{"num_hidden_layers": 32, "hidden_size": 3072, "max_position_embeddings": 4096, "num_attention_heads": 32,
		"intermediate_size": 8192, "vocab_size": 32064, "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 10000,
		"partial_rotary_factor": 1, "original_max_position_embeddings": 4096, "tie_word_embeddings": false},
	ignored:        []string{"attention_dropout", "embd_pdrop", "resid_pdrop", "original_max_position_embeddings"},
	prefixes:       []string{"model."},
	ignoredTensors: []string{longRopeLong, longRopeShort},
	weights: []weightRule{
		{to: "embed.W_E", from: "embed_tokens.weight"},
		{to: "blocks.%d.ln1.w", from: "layers.%d.input_layernorm.weight"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "layers.%d.self_attn.qkv_proj.weight", pattern: "(heads e) d -> heads d e", sideBySide: true},
		{to: "blocks.%d.attn.W_O", from: "layers.%d.self_attn.o_proj.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.ln2.w", from: "layers.%d.post_attention_layernorm.weight"},
		{to: "blocks.%d.mlp.W_{gate,in}", from: "layers.%d.mlp.gate_up_proj.weight", pattern: "(gate_up m) d -> gate_up d m"},
		{to: "blocks.%d.mlp.W_out", from: "layers.%d.mlp.down_proj.weight", pattern: "d m -> m d"},
		{to: "ln_final.w", from: "norm.weight"},
		{to: "unembed.W_U", from: "lm_head.weight", tied: "embed_tokens.weight", pattern: "v d -> d v"},
	},
	ggufWeights: []weightRule{
		{to: "embed.W_E", from: "token_embd.weight"},
		{to: "blocks.%d.ln1.w", from: "blk.%d.attn_norm.weight"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "blk.%d.attn_qkv.weight", pattern: "(heads e) d -> heads d e", sideBySide: true},
		{to: "blocks.%d.attn.W_O", from: "blk.%d.attn_output.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.ln2.w", from: "blk.%d.ffn_norm.weight"},
		{to: "blocks.%d.mlp.W_{gate,in}", from: "blk.%d.ffn_up.weight", pattern: "(gate_up m) d -> gate_up d m"},
		{to: "blocks.%d.mlp.W_out", from: "blk.%d.ffn_down.weight", pattern: "d m -> m d"},
		{to: "ln_final.w", from: "output_norm.weight"},
		{to: "unembed.W_U", from: "output.weight", tied: "token_embd.weight", pattern: "v d -> d v"},
	},
}
