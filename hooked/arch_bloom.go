package hooked

// bloom reads BigScience's BLOOM: ALiBi in place of position vectors, a layer norm right after the
// embedding.
//
// Source: transformers/models/bloom/modeling_bloom.py; its gelu is the tanh approximation. The
// context of 2048 is that of training: nothing in the model depends on it.
var bloom = architecture{
	name:  "BLOOM",
	class: "BloomForCausalLM",
	gguf:  "bloom",
	noBOS: true,
	config: func(f *fields) Config {
		c := Config{
			NLayers:             f.Int("n_layer"),
			DModel:              f.Int("hidden_size"),
			NHeads:              f.Int("n_head"),
			NCtx:                f.IntOr("seq_length", 2048),
			DVocab:              f.Int("vocab_size"),
			DMLP:                f.IntOr("n_inner", 0),
			Eps:                 f.Positive("layer_norm_epsilon"),
			ActFn:               GELUFast,
			Normalization:       LN,
			PostEmbeddingLN:     true,
			PositionalEmbedding: ALiBiPositions,
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		f.want("apply_residual_connection_post_layernorm", false)
		return c
	},
	ggufKeys: map[string]string{"block_count": "n_layer", "embedding_length": "hidden_size", "context_length": "seq_length",
		"attention.head_count": "n_head", "attention.head_count_kv": "", "feed_forward_length": "n_inner",
		"attention.layer_norm_epsilon": "layer_norm_epsilon"},
	defaults: map[string]any{"n_layer": 2, "hidden_size": 64, "n_head": 8, "vocab_size": 250880, "layer_norm_epsilon": 1e-5,
		"apply_residual_connection_post_layernorm": false, "tie_word_embeddings": true},
	aliases: map[string]string{"n_embed": "hidden_size", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head"},
	ignored: []string{"attention_dropout", "hidden_dropout", "pretraining_tp", "slow_but_exact", "unk_token_id", "offset_alibi",
		"skip_bias_add", "skip_bias_add_qkv", "attention_softmax_in_fp32", "bias_dropout_fusion", "masked_softmax_fusion"},
	prefixes: []string{"transformer."},
	weights: []weightRule{
		{to: "embed.W_E", from: "word_embeddings.weight"},
		{to: "embed.ln.w", from: "word_embeddings_layernorm.weight"},
		{to: "embed.ln.b", from: "word_embeddings_layernorm.bias"},
		{to: "blocks.%d.ln1.w", from: "h.%d.input_layernorm.weight"},
		{to: "blocks.%d.ln1.b", from: "h.%d.input_layernorm.bias"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "h.%d.self_attention.query_key_value.weight", pattern: "(head qkv e) d -> qkv head d e"},
		{to: "blocks.%d.attn.b_{Q,K,V}", from: "h.%d.self_attention.query_key_value.bias", pattern: "(head qkv e) -> qkv head e"},
		{to: "blocks.%d.attn.W_O", from: "h.%d.self_attention.dense.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "h.%d.self_attention.dense.bias"},
		{to: "blocks.%d.ln2.w", from: "h.%d.post_attention_layernorm.weight"},
		{to: "blocks.%d.ln2.b", from: "h.%d.post_attention_layernorm.bias"},
		{to: "blocks.%d.mlp.W_in", from: "h.%d.mlp.dense_h_to_4h.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "h.%d.mlp.dense_h_to_4h.bias"},
		{to: "blocks.%d.mlp.W_out", from: "h.%d.mlp.dense_4h_to_h.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "h.%d.mlp.dense_4h_to_h.bias"},
		{to: "ln_final.w", from: "ln_f.weight"},
		{to: "ln_final.b", from: "ln_f.bias"},
		{to: "unembed.W_U", from: "lm_head.weight", tied: "word_embeddings.weight", pattern: "v d -> d v"},
	},
	ggufWeights: fusedGGUFWeights,
}
