package hooked

// bert reads Google's BERT with both its heads, as an [Encoder].
//
// Source: transformers/models/bert/modeling_bert.py. Checkpoints converted from TensorFlow call a
// norm's weights gamma and beta.
var bert = architecture{
	name:    "BERT",
	class:   "BertForPreTraining",
	encoder: true,
	config: func(f *fields) Config {
		c := Config{
			NLayers:             f.Int("num_hidden_layers"),
			DModel:              f.Int("hidden_size"),
			NCtx:                f.Int("max_position_embeddings"),
			NHeads:              f.Int("num_attention_heads"),
			DVocab:              f.Int("vocab_size"),
			DMLP:                f.Int("intermediate_size"),
			NTokenTypes:         f.Int("type_vocab_size"),
			Eps:                 f.Positive("layer_norm_eps"),
			ActFn:               f.Activation("hidden_act"),
			Normalization:       LN,
			PostNorm:            true,
			PostEmbeddingLN:     true,
			AttentionDir:        Bidirectional,
			PositionalEmbedding: StandardPositions,
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		f.want("position_embedding_type", "absolute")
		f.want("is_decoder", false)
		return c
	},
	defaults: map[string]any{"num_hidden_layers": 12, "hidden_size": 768, "max_position_embeddings": 512, "num_attention_heads": 12,
		"vocab_size": 30522, "intermediate_size": 3072, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
		"tie_word_embeddings": true},
	ignored:        []string{"attention_probs_dropout_prob", "hidden_dropout_prob", "classifier_dropout", "pooler_*", "directionality"},
	prefixes:       []string{"bert."},
	ignoredTensors: []string{"embeddings.position_ids", "cls.predictions.decoder.bias"},
	weights: []weightRule{
		{to: "embed.embed.W_E", from: "embeddings.word_embeddings.weight"},
		{to: "embed.pos_embed.W_pos", from: "embeddings.position_embeddings.weight"},
		{to: "embed.token_type_embed.W_token_type", from: "embeddings.token_type_embeddings.weight"},
		{to: "embed.ln.w", from: "embeddings.LayerNorm.weight|embeddings.LayerNorm.gamma"},
		{to: "embed.ln.b", from: "embeddings.LayerNorm.bias|embeddings.LayerNorm.beta"},
		{to: "blocks.%d.attn.W_Q", from: "encoder.layer.%d.attention.self.query.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_K", from: "encoder.layer.%d.attention.self.key.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_V", from: "encoder.layer.%d.attention.self.value.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.b_Q", from: "encoder.layer.%d.attention.self.query.bias", pattern: "(head e) -> head e"},
		{to: "blocks.%d.attn.b_K", from: "encoder.layer.%d.attention.self.key.bias", pattern: "(head e) -> head e"},
		{to: "blocks.%d.attn.b_V", from: "encoder.layer.%d.attention.self.value.bias", pattern: "(head e) -> head e"},
		{to: "blocks.%d.attn.W_O", from: "encoder.layer.%d.attention.output.dense.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "encoder.layer.%d.attention.output.dense.bias"},
		{to: "blocks.%d.ln1.w", from: "encoder.layer.%d.attention.output.LayerNorm.weight|encoder.layer.%d.attention.output.LayerNorm.gamma"},
		{to: "blocks.%d.ln1.b", from: "encoder.layer.%d.attention.output.LayerNorm.bias|encoder.layer.%d.attention.output.LayerNorm.beta"},
		{to: "blocks.%d.mlp.W_in", from: "encoder.layer.%d.intermediate.dense.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "encoder.layer.%d.intermediate.dense.bias"},
		{to: "blocks.%d.mlp.W_out", from: "encoder.layer.%d.output.dense.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "encoder.layer.%d.output.dense.bias"},
		{to: "blocks.%d.ln2.w", from: "encoder.layer.%d.output.LayerNorm.weight|encoder.layer.%d.output.LayerNorm.gamma"},
		{to: "blocks.%d.ln2.b", from: "encoder.layer.%d.output.LayerNorm.bias|encoder.layer.%d.output.LayerNorm.beta"},
		{to: "mlm_head.W", from: "cls.predictions.transform.dense.weight", pattern: "out in -> in out"},
		{to: "mlm_head.b", from: "cls.predictions.transform.dense.bias"},
		{to: "mlm_head.ln.w", from: "cls.predictions.transform.LayerNorm.weight|cls.predictions.transform.LayerNorm.gamma"},
		{to: "mlm_head.ln.b", from: "cls.predictions.transform.LayerNorm.bias|cls.predictions.transform.LayerNorm.beta"},
		{to: "unembed.W_U", from: "cls.predictions.decoder.weight", tied: "embeddings.word_embeddings.weight", pattern: "v d -> d v"},
		{to: "unembed.b_U", from: "cls.predictions.bias"},
		{to: "pooler.W", from: "pooler.dense.weight", pattern: "out in -> in out", mayLack: true},
		{to: "pooler.b", from: "pooler.dense.bias", mayLack: true},
		{to: "nsp_head.W", from: "cls.seq_relationship.weight", pattern: "out in -> in out", mayLack: true},
		{to: "nsp_head.b", from: "cls.seq_relationship.bias", mayLack: true},
	},
}

// bertMaskedLM reads BERTs without the head for the next sentence.
var bertMaskedLM = bert.as("BertForMaskedLM")

// as is the same family under another class name.
func (a architecture) as(class string) architecture {
	a.class = class
	return a
}
