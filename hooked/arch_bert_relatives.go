package hooked

import "slices"

// encoderHeads are the weights of what encoders have above their last layer.
var encoderHeads = []string{"mlm_head.", "unembed.", "nsp_head."}

// roberta reads Meta's RoBERTa: BERT whose positions are counted from the pad's number on, and with
// another head.
//
// Source: transformers/models/roberta/modeling_roberta.py. The head's gelu is the exact one
// whatever hidden_act says.
var roberta = architecture{
	name:    "RoBERTa",
	class:   "RobertaForMaskedLM",
	encoder: true,
	config: func(f *fields) Config {
		c := bert.config(f)
		c.PositionsAfter = f.CountOr("pad_token_id", 0) + 1
		if c.NCtx -= c.PositionsAfter; c.NCtx < 1 {
			f.fail("field \"max_position_embeddings\" leaves no positions after those up to the pad's, %d", c.PositionsAfter-1)
		}
		f.want("hidden_act", "gelu")
		f.want("add_cross_attention", false)
		return c
	},
	defaults:       joined(bert.defaults, map[string]any{"vocab_size": 50265, "pad_token_id": 1}),
	ignored:        bert.ignored,
	prefixes:       []string{"roberta."},
	ignoredTensors: []string{"embeddings.position_ids", "lm_head.decoder.bias"},
	weights: slices.Concat(omit(bert.weights, encoderHeads...), []weightRule{
		{to: "mlm_head.W", from: "lm_head.dense.weight", pattern: "out in -> in out"},
		{to: "mlm_head.b", from: "lm_head.dense.bias"},
		{to: "mlm_head.ln.w", from: "lm_head.layer_norm.weight"},
		{to: "mlm_head.ln.b", from: "lm_head.layer_norm.bias"},
		{to: "unembed.W_U", from: "lm_head.decoder.weight", tied: "embeddings.word_embeddings.weight", pattern: "v d -> d v"},
		{to: "unembed.b_U", from: "lm_head.bias"},
	}),
}

// distilBERT reads DistilBERT: BERT without types of tokens and without a pooler.
//
// Source: transformers/models/distilbert/modeling_distilbert.py. Positions lie in the file, be they
// made of sines or learned.
var distilBERT = architecture{
	name:    "DistilBERT",
	class:   "DistilBertForMaskedLM",
	encoder: true,
	config: func(f *fields) Config {
		c := Config{
			NLayers:             f.Int("n_layers"),
			DModel:              f.Int("dim"),
			NCtx:                f.Int("max_position_embeddings"),
			NHeads:              f.Int("n_heads"),
			DVocab:              f.Int("vocab_size"),
			DMLP:                f.Int("hidden_dim"),
			Eps:                 1e-12,
			ActFn:               f.Activation("activation"),
			Normalization:       LN,
			PostNorm:            true,
			PostEmbeddingLN:     true,
			AttentionDir:        Bidirectional,
			PositionalEmbedding: StandardPositions,
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		return c
	},
	defaults: map[string]any{"n_layers": 6, "dim": 768, "max_position_embeddings": 512, "n_heads": 12, "vocab_size": 30522, "hidden_dim": 3072,
		"activation": "gelu", "tie_word_embeddings": true},
	aliases:        map[string]string{"hidden_size": "dim", "num_attention_heads": "n_heads", "num_hidden_layers": "n_layers"},
	ignored:        []string{"attention_dropout", "dropout", "qa_dropout", "seq_classif_dropout", "sinusoidal_pos_embds", "tie_weights_"},
	prefixes:       []string{"distilbert."},
	ignoredTensors: []string{"embeddings.position_ids"},
	weights: []weightRule{
		{to: "embed.embed.W_E", from: "embeddings.word_embeddings.weight"},
		{to: "embed.pos_embed.W_pos", from: "embeddings.position_embeddings.weight"},
		{to: "embed.ln.w", from: "embeddings.LayerNorm.weight"},
		{to: "embed.ln.b", from: "embeddings.LayerNorm.bias"},
		{to: "blocks.%d.attn.W_Q", from: "transformer.layer.%d.attention.q_lin.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_K", from: "transformer.layer.%d.attention.k_lin.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_V", from: "transformer.layer.%d.attention.v_lin.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.b_Q", from: "transformer.layer.%d.attention.q_lin.bias", pattern: "(head e) -> head e"},
		{to: "blocks.%d.attn.b_K", from: "transformer.layer.%d.attention.k_lin.bias", pattern: "(head e) -> head e"},
		{to: "blocks.%d.attn.b_V", from: "transformer.layer.%d.attention.v_lin.bias", pattern: "(head e) -> head e"},
		{to: "blocks.%d.attn.W_O", from: "transformer.layer.%d.attention.out_lin.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "transformer.layer.%d.attention.out_lin.bias"},
		{to: "blocks.%d.ln1.w", from: "transformer.layer.%d.sa_layer_norm.weight"},
		{to: "blocks.%d.ln1.b", from: "transformer.layer.%d.sa_layer_norm.bias"},
		{to: "blocks.%d.mlp.W_in", from: "transformer.layer.%d.ffn.lin1.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "transformer.layer.%d.ffn.lin1.bias"},
		{to: "blocks.%d.mlp.W_out", from: "transformer.layer.%d.ffn.lin2.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "transformer.layer.%d.ffn.lin2.bias"},
		{to: "blocks.%d.ln2.w", from: "transformer.layer.%d.output_layer_norm.weight"},
		{to: "blocks.%d.ln2.b", from: "transformer.layer.%d.output_layer_norm.bias"},
		{to: "mlm_head.W", from: "vocab_transform.weight", pattern: "out in -> in out"},
		{to: "mlm_head.b", from: "vocab_transform.bias"},
		{to: "mlm_head.ln.w", from: "vocab_layer_norm.weight"},
		{to: "mlm_head.ln.b", from: "vocab_layer_norm.bias"},
		{to: "unembed.W_U", from: "vocab_projector.weight", tied: "embeddings.word_embeddings.weight", pattern: "v d -> d v"},
		{to: "unembed.b_U", from: "vocab_projector.bias"},
	},
}

// The encoders without a head for masked words, as sentence encoders are saved.
var (
	bertAlone       = bert.headless("BertModel")
	robertaAlone    = roberta.headless("RobertaModel")
	distilBERTAlone = distilBERT.headless("DistilBertModel")
)

// headless is the same family under another class name, without the heads.
func (a architecture) headless(class string) architecture {
	whole := a.config
	a.class = class
	a.config = func(f *fields) Config {
		c := whole(f)
		c.Headless = true
		return c
	}
	a.weights = omit(a.weights, encoderHeads...)
	return a
}
