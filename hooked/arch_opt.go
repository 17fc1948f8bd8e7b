package hooked

// opt reads Meta's OPT. Its table of positions begins with two rows for padding that no token
// reads. In opt-350m norms stand after the sums, and the embedding is narrower than the residual
// stream: it becomes as wide by the two matrices that project it.
//
// Source: transformers/models/opt/modeling_opt.py.
var opt = architecture{
	name:  "OPT",
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
		c.NormAfterSum = !f.Bool("do_layer_norm_before")
		f.want("layer_norm_elementwise_affine", true)
		f.derive(optProjects, f.IntOr("word_embed_proj_dim", c.DModel) != c.DModel)
		f.want("_remove_final_layer_norm", false)
		return c
	},
	defaults: map[string]any{"num_hidden_layers": 12, "hidden_size": 768, "max_position_embeddings": 2048, "num_attention_heads": 12,
		"vocab_size": 50272, "ffn_dim": 3072, "activation_function": "relu", "enable_bias": true, "do_layer_norm_before": true,
		"layer_norm_elementwise_affine": true, "tie_word_embeddings": true},
	ignored:  []string{"attention_dropout", "activation_dropout", "dropout", "layerdrop", "init_std"},
	prefixes: []string{"model.", "decoder."},
	weights: []weightRule{
		{to: "embed.W_E", from: "embed_tokens.weight", iff: "!" + optProjects},
		{to: "embed.W_E", from: "embed_tokens.weight", times: "project_in.weight", iff: optProjects},
		{to: "pos_embed.W_pos", from: "embed_positions.weight", skip: 2},
		{to: "blocks.%d.ln1.w", from: "layers.%d.self_attn_layer_norm.weight"},
		{to: "blocks.%d.ln1.b", from: "layers.%d.self_attn_layer_norm.bias"},
		{to: "blocks.%d.attn.W_Q", from: "layers.%d.self_attn.q_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_K", from: "layers.%d.self_attn.k_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_V", from: "layers.%d.self_attn.v_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.b_Q", from: "layers.%d.self_attn.q_proj.bias", pattern: "(head e) -> head e", iff: "enable_bias"},
		{to: "blocks.%d.attn.b_K", from: "layers.%d.self_attn.k_proj.bias", pattern: "(head e) -> head e", iff: "enable_bias"},
		{to: "blocks.%d.attn.b_V", from: "layers.%d.self_attn.v_proj.bias", pattern: "(head e) -> head e", iff: "enable_bias"},
		{to: "blocks.%d.attn.W_O", from: "layers.%d.self_attn.out_proj.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "layers.%d.self_attn.out_proj.bias", iff: "enable_bias"},
		{to: "blocks.%d.ln2.w", from: "layers.%d.final_layer_norm.weight"},
		{to: "blocks.%d.ln2.b", from: "layers.%d.final_layer_norm.bias"},
		{to: "blocks.%d.mlp.W_in", from: "layers.%d.fc1.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "layers.%d.fc1.bias", iff: "enable_bias"},
		{to: "blocks.%d.mlp.W_out", from: "layers.%d.fc2.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "layers.%d.fc2.bias", iff: "enable_bias"},
		{to: "ln_final.w", from: "final_layer_norm.weight", iff: "do_layer_norm_before"},
		{to: "ln_final.b", from: "final_layer_norm.bias", iff: "do_layer_norm_before"},
		{to: "unembed.W_U", from: "lm_head.weight", tied: "embed_tokens.weight", pattern: "v d -> d v", iff: "!" + optProjects},
		{to: "unembed.W_U", from: "lm_head.weight", tied: "embed_tokens.weight", times: "project_out.weight", pattern: "v d -> d v", iff: optProjects},
	},
}

// optProjects says that the embedding is projected; it is put beside the fields.
const optProjects = "embedding_is_projected"
