package hooked

// opt reads Meta's OPT, but for opt-350m, whose norms stand after the parts. Its table of positions begins with two rows
// for padding that no token reads.
//
// Source: transformers/models/opt/modeling_opt.py.
var opt = architecture{
	class: "OPTForCausalLM",
	config: func(f *fields) Config {
		c := Config{
			NLayers:             f.Int("num_hidden_layers"),
			DModel:              f.Int("hidden_size"),
			NCtx:                f.Int("max_position_embeddings"),
			NHeads:              f.Int("num_attention_heads"),
			DVocab:              f.Int("vocab_size"),
			DMLP:                f.Int("ffn_dim"),
			ActFn:               f.Activation("activation_function"),
			Normalization:       LN,
			PositionalEmbedding: StandardPositions,
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		f.want("do_layer_norm_before", true)
		f.want("layer_norm_elementwise_affine", true)
		f.want("word_embed_proj_dim", float64(c.DModel))
		f.Bool("enable_bias") // the weights say whether there are biases
		return c
	},
	ignored:  []string{"attention_dropout", "activation_dropout", "dropout", "layerdrop", "init_std", "prefix"},
	prefixes: []string{"model.", "decoder."},
	weights: []weightRule{
		{to: "embed.W_E", from: "embed_tokens.weight"},
		{to: "pos_embed.W_pos", from: "embed_positions.weight", skip: 2},
		{to: "blocks.%d.ln1.w", from: "layers.%d.self_attn_layer_norm.weight"},
		{to: "blocks.%d.ln1.b", from: "layers.%d.self_attn_layer_norm.bias"},
		{to: "blocks.%d.attn.W_Q", from: "layers.%d.self_attn.q_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_K", from: "layers.%d.self_attn.k_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_V", from: "layers.%d.self_attn.v_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.b_Q", from: "layers.%d.self_attn.q_proj.bias", pattern: "(head e) -> head e"},
		{to: "blocks.%d.attn.b_K", from: "layers.%d.self_attn.k_proj.bias", pattern: "(head e) -> head e"},
		{to: "blocks.%d.attn.b_V", from: "layers.%d.self_attn.v_proj.bias", pattern: "(head e) -> head e"},
		{to: "blocks.%d.attn.W_O", from: "layers.%d.self_attn.out_proj.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "layers.%d.self_attn.out_proj.bias"},
		{to: "blocks.%d.ln2.w", from: "layers.%d.final_layer_norm.weight"},
		{to: "blocks.%d.ln2.b", from: "layers.%d.final_layer_norm.bias"},
		{to: "blocks.%d.mlp.W_in", from: "layers.%d.fc1.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "layers.%d.fc1.bias"},
		{to: "blocks.%d.mlp.W_out", from: "layers.%d.fc2.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "layers.%d.fc2.bias"},
		{to: "ln_final.w", from: "final_layer_norm.weight"},
		{to: "ln_final.b", from: "final_layer_norm.bias"},
		{to: "unembed.W_U", from: "lm_head.weight|embed_tokens.weight", pattern: "v d -> d v"},
	},
}
