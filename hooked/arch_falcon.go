package hooked

import "slices"

// falcon reads the Technology Innovation Institute's Falcon, whose q, k and v lie in one matrix in
// one of three orders: in the newer sizes each key-value head with its queries, in the 7B all
// queries before one key and one value, in the RW sizes q, k and v of a head together.
//
// Source: transformers/models/falcon/modeling_falcon.py. In the RW sizes the bias of the key's
// distance is divided with the score, and rounded.
var falcon = architecture{
	class:  "FalconForCausalLM",
	gguf:   "falcon",
	noBOS:  true,
	config: falconConfig,
	defaults: map[string]any{"num_hidden_layers": 32, "hidden_size": 4544, "num_attention_heads": 71, "vocab_size": 65024,
		"layer_norm_epsilon": 1e-5, "activation": "gelu", "max_position_embeddings": 2048, "rope_theta": 10000, "alibi": false, "bias": false,
		"multi_query": true, "new_decoder_architecture": false, "parallel_attn": true, "tie_word_embeddings": true},
	aliases: map[string]string{"n_embed": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads",
		"n_head_kv": "num_kv_heads"},
	ggufKeys: map[string]string{"block_count": "num_hidden_layers", "embedding_length": "hidden_size", "context_length": "max_position_embeddings",
		"attention.head_count": "num_attention_heads", "attention.head_count_kv": "num_kv_heads", "feed_forward_length": "ffn_hidden_size",
		"attention.layer_norm_epsilon": "layer_norm_epsilon", "rope.freq_base": "rope_theta", "tensor_data_layout": ""},
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"activation": "gelu", "parallel_attn": true, "new_decoder_architecture": true},
	ignored:      []string{"attention_dropout", "hidden_dropout", "apply_residual_connection_post_layernorm", "num_ln_in_parallel_attn"},
	prefixes:     []string{"transformer."},
	weights: slices.Concat([]weightRule{
		{to: "embed.W_E", from: "word_embeddings.weight"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "h.%d.self_attention.query_key_value.weight", pattern: "(heads e) d -> heads d e", reorder: groupsApart, sideBySide: true, iff: "new_decoder_architecture"},
		{to: "blocks.%d.attn.b_{Q,K,V}", from: "h.%d.self_attention.query_key_value.bias", pattern: "(heads e) -> heads e", reorder: groupsApart, sideBySide: true, iff: "new_decoder_architecture bias"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "h.%d.self_attention.query_key_value.weight", pattern: "(heads e) d -> heads d e", sideBySide: true, iff: "!new_decoder_architecture multi_query"},
		{to: "blocks.%d.attn.b_{Q,K,V}", from: "h.%d.self_attention.query_key_value.bias", pattern: "(heads e) -> heads e", sideBySide: true, iff: "!new_decoder_architecture multi_query bias"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "h.%d.self_attention.query_key_value.weight", pattern: "(head qkv e) d -> qkv head d e", iff: "!new_decoder_architecture !multi_query"},
		{to: "blocks.%d.attn.b_{Q,K,V}", from: "h.%d.self_attention.query_key_value.bias", pattern: "(head qkv e) -> qkv head e", iff: "!new_decoder_architecture !multi_query bias"},
		{to: "blocks.%d.attn.W_O", from: "h.%d.self_attention.dense.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "h.%d.self_attention.dense.bias", iff: "bias"},
		{to: "blocks.%d.mlp.W_in", from: "h.%d.mlp.dense_h_to_4h.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "h.%d.mlp.dense_h_to_4h.bias", iff: "bias"},
		{to: "blocks.%d.mlp.W_out", from: "h.%d.mlp.dense_4h_to_h.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "h.%d.mlp.dense_4h_to_h.bias", iff: "bias"},
		{to: "ln_final.w", from: "ln_f.weight"},
		{to: "ln_final.b", from: "ln_f.bias"},
		{to: "unembed.W_U", from: "lm_head.weight", tied: "word_embeddings.weight", pattern: "v d -> d v"},
	}, falconNorms("ln_attn", "ln_mlp", falconTwoNorms), falconNorms("input_layernorm", "input_layernorm", falconOneNorm),
		falconNorms("input_layernorm", "post_attention_layernorm", falconInTurn)),
	ggufWeights: slices.Concat(omit(fusedGGUFWeights, "embed.ln.", "W_{Q", "b_{Q", "ln1.", "ln2."), []weightRule{
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "blk.%d.attn_qkv.weight", pattern: "(heads e) d -> heads d e", sideBySide: true},
		// where there are two norms, that of attention is the second
		{to: "blocks.%d.ln1.w", from: "blk.%d.attn_norm_2.weight|blk.%d.attn_norm.weight"},
		{to: "blocks.%d.ln1.b", from: "blk.%d.attn_norm_2.bias|blk.%d.attn_norm.bias"},
		{to: "blocks.%d.ln2.w", from: "blk.%d.attn_norm.weight"},
		{to: "blocks.%d.ln2.b", from: "blk.%d.attn_norm.bias"},
	}),
}

// Which norms a layer has is worked out from several fields; these are put beside them.
const (
	falconTwoNorms = "two_norms"
	falconOneNorm  = "one_norm"
	falconInTurn   = "norms_in_turn"
)

// falconNorms are the norms that attention and MLP read through.
func falconNorms(attn, mlp, iff string) []weightRule {
	return []weightRule{
		{to: "blocks.%d.ln1.w", from: "h.%d." + attn + ".weight", iff: iff},
		{to: "blocks.%d.ln1.b", from: "h.%d." + attn + ".bias", iff: iff},
		{to: "blocks.%d.ln2.w", from: "h.%d." + mlp + ".weight", iff: iff},
		{to: "blocks.%d.ln2.b", from: "h.%d." + mlp + ".bias", iff: iff},
	}
}

func falconConfig(f *fields) Config {
	c := Config{
		NLayers:             f.Int("num_hidden_layers"),
		DModel:              f.Int("hidden_size"),
		NCtx:                f.Int("max_position_embeddings"),
		NHeads:              f.Int("num_attention_heads"),
		DVocab:              f.Int("vocab_size"),
		DMLP:                f.IntOr("ffn_hidden_size", 0),
		Eps:                 f.Positive("layer_norm_epsilon"),
		ActFn:               f.Activation("activation"),
		Normalization:       LN,
		PositionalEmbedding: RotaryPositions,
	}
	c.DHead = quotient(c.DModel, c.NHeads)
	newer, parallel := f.Bool("new_decoder_architecture"), f.Bool("parallel_attn")
	f.said("num_kv_heads")
	switch {
	case newer:
		c.NKeyValueHeads = f.IntOr("num_kv_heads", 0)
	case f.Bool("multi_query"):
		c.NKeyValueHeads = 1
	}
	if newer && !parallel {
		f.fail("field \"parallel_attn\" is false and \"new_decoder_architecture\" true: no layout of Falcon is so")
	}
	c.ParallelAttnMLP = parallel
	norms := f.falconNorms(newer)
	f.derive(falconTwoNorms, parallel && norms == 2)
	f.derive(falconOneNorm, parallel && norms == 1)
	f.derive(falconInTurn, !parallel)
	if f.rope(&c, wholeRope); f.Bool("alibi") {
		c.PositionalEmbedding, c.ALiBiRounded = ALiBiPositions, true
		c.RotaryBase, c.RotaryDim, c.RotaryScaling = 0, 0, nil
	}
	return c
}

// falconNorms is how many norms a layer has whose attention and MLP stand side by side. Older ones
// than the new architecture have one, whatever the field says.
func (f *fields) falconNorms(newer bool) int {
	const name = "num_ln_in_parallel_attn"
	if _, said := f.said(name); !newer || !said {
		if newer {
			return 2
		}
		return 1
	}
	f.want(name, 1.0, 2.0)
	return f.Int(name)
}

// groupsApart brings the rows of each key-value head's queries, key and value, [kv, queries and 2,
// d_head] together, into all queries, all keys, all values.
func groupsApart(c Config, a *Array) (*Array, error) {
	e, g := c.DHead, c.groupSize()
	if len(a.Shape) == 0 || a.Shape[0] != c.NKeyValueHeads*(g+2)*e {
		return nil, badRows(c, a)
	}
	cols := sizeOf(a.Shape[1:])
	out := NewArray(a.Shape...)
	to := out.Data
	take := func(kv, slot int) {
		from := (kv*(g+2) + slot) * e * cols
		to = to[copy(to, a.Data[from:from+e*cols]):]
	}
	for kv := range c.NKeyValueHeads {
		for q := range g {
			take(kv, q)
		}
	}
	for _, slot := range []int{g, g + 1} {
		for kv := range c.NKeyValueHeads {
			take(kv, slot)
		}
	}
	return out, nil
}
