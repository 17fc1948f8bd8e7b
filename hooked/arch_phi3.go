package hooked

// phi3 reads Microsoft's Phi 3 and 4: Llama with q, k and v in one matrix and gate and up in another. The long-context
// variants ("longrope") are refused: their rotary scaling is not known here.
//
// Sources: transformers/models/phi3/modeling_phi3.py; for GGUF llama.cpp's convert_hf_to_gguf.py.
var phi3 = architecture{
	class:  "Phi3ForCausalLM",
	gguf:   "phi3",
	config: windowedConfig,
	ggufKeys: map[string]string{"block_count": "num_hidden_layers", "embedding_length": "hidden_size",
		"context_length": "max_position_embeddings", "feed_forward_length": "intermediate_size",
		"attention.head_count": "num_attention_heads", "attention.head_count_kv": "num_key_value_heads",
		"attention.layer_norm_rms_epsilon": "rms_norm_eps", "attention.sliding_window": "sliding_window",
		"rope.freq_base": "rope_theta", "rope.dimension_count": "", "rope.scaling.original_context_length": ""},
	ggufFixed: map[string]any{"hidden_act": "silu"},
	ignored:   []string{"attention_dropout", "embd_pdrop", "resid_pdrop", "original_max_position_embeddings", "auto_map"},
	prefixes:  []string{"model."},
	weights: []weightRule{
		{to: "embed.W_E", from: "embed_tokens.weight"},
		{to: "blocks.%d.ln1.w", from: "layers.%d.input_layernorm.weight"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "layers.%d.self_attn.qkv_proj.weight", pattern: "(heads e) d -> heads d e"},
		{to: "blocks.%d.attn.W_O", from: "layers.%d.self_attn.o_proj.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.ln2.w", from: "layers.%d.post_attention_layernorm.weight"},
		{to: "blocks.%d.mlp.W_{gate,in}", from: "layers.%d.mlp.gate_up_proj.weight", pattern: "(gate_up m) d -> gate_up d m"},
		{to: "blocks.%d.mlp.W_out", from: "layers.%d.mlp.down_proj.weight", pattern: "d m -> m d"},
		{to: "ln_final.w", from: "norm.weight"},
		{to: "unembed.W_U", from: "lm_head.weight|embed_tokens.weight", pattern: "v d -> d v"},
	},
	ggufWeights: []weightRule{
		{to: "embed.W_E", from: "token_embd.weight"},
		{to: "blocks.%d.ln1.w", from: "blk.%d.attn_norm.weight"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "blk.%d.attn_qkv.weight", pattern: "(heads e) d -> heads d e"},
		{to: "blocks.%d.attn.W_O", from: "blk.%d.attn_output.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.ln2.w", from: "blk.%d.ffn_norm.weight"},
		{to: "blocks.%d.mlp.W_{gate,in}", from: "blk.%d.ffn_up.weight", pattern: "(gate_up m) d -> gate_up d m"},
		{to: "blocks.%d.mlp.W_out", from: "blk.%d.ffn_down.weight", pattern: "d m -> m d"},
		{to: "ln_final.w", from: "output_norm.weight"},
		{to: "unembed.W_U", from: "output.weight|token_embd.weight", pattern: "v d -> d v"},
	},
}
