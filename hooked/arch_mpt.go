package hooked

import "math"

// mpt reads MosaicML's MPT: ALiBi with slopes of its own, layer norms that do not shift, no biases.
//
// Source: transformers/models/mpt/modeling_mpt.py. Its gelu is the exact one.
var mpt = architecture{
	name:  "MPT",
	class: "MptForCausalLM",
	gguf:  "mpt",
	also:  []string{"MPTForCausalLM"}, // as the first files say
	noBOS: true,
	config: func(f *fields) Config {
		c := Config{
			NLayers:             f.Int("n_layers"),
			DModel:              f.Int("d_model"),
			NCtx:                f.Int("max_seq_len"),
			NHeads:              f.Int("n_heads"),
			DVocab:              f.Int("vocab_size"),
			Eps:                 f.Positive("layer_norm_epsilon"),
			ActFn:               GELU,
			Normalization:       LN,
			LNWithoutBias:       true,
			PositionalEmbedding: ALiBiPositions,
		}
		if c.DMLP = f.IntOr(mptWidth, 0); !f.gguf {
			c.DMLP = f.Int("expansion_ratio") * c.DModel
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		f.want("no_bias", true)
		f.want("logit_scale")
		f.want("embedding_fraction", 1.0) // of the gradients alone, but who sets it expects something
		attn := orEmpty(f.sub("attn_config"))
		f.mptAttention(attn, &c)
		return c
	},
	defaults: map[string]any{"n_layers": 24, "d_model": 2048, "max_seq_len": 2048, "n_heads": 16, "vocab_size": 50368, "expansion_ratio": 4,
		"layer_norm_epsilon": 1e-5, "no_bias": true, "tie_word_embeddings": true},
	ggufKeys: map[string]string{"block_count": "n_layers", "embedding_length": "d_model", "context_length": "max_seq_len",
		"attention.head_count": "n_heads", "attention.head_count_kv": "attn_config.kv_n_heads", "feed_forward_length": mptWidth,
		"attention.layer_norm_epsilon": "layer_norm_epsilon", "attention.clamp_kqv": "attn_config.clip_qkv",
		"attention.max_alibi_bias": "attn_config.alibi_bias_max"},
	aliases: map[string]string{"num_attention_heads": "n_heads", "hidden_size": "d_model", "num_hidden_layers": "n_layers"},
	// the class has neither learned positions nor another norm
	ignored: []string{"learned_pos_emb", "norm_type", "emb_pdrop", "resid_pdrop", "init_device", "init_config", "verbose", "fc_type",
		"use_pad_tok_in_ffn", "ffn_config", "tokenizer_name"},
	prefixes: []string{"transformer."},
	weights: []weightRule{
		{to: "embed.W_E", from: "wte.weight"},
		{to: "blocks.%d.ln1.w", from: "blocks.%d.norm_1.weight"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "blocks.%d.attn.Wqkv.weight", pattern: "(qkv head e) d -> qkv head d e"},
		{to: "blocks.%d.attn.W_O", from: "blocks.%d.attn.out_proj.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.ln2.w", from: "blocks.%d.norm_2.weight"},
		{to: "blocks.%d.mlp.W_in", from: "blocks.%d.ffn.up_proj.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.W_out", from: "blocks.%d.ffn.down_proj.weight", pattern: "d m -> m d"},
		{to: "ln_final.w", from: "norm_f.weight"},
		{to: "unembed.W_U", from: "lm_head.weight", tied: "wte.weight", pattern: "v d -> d v"},
	},
	ggufWeights: omit(fusedGGUFWeights, ".b", "embed.ln."),
}

// mptWidth is the width of MPT's MLPs in GGUF files; a config.json has it in multiples of d_model.
const mptWidth = "width of MLPs in GGUF"

// mptAttention reads the object attn_config.
func (f *fields) mptAttention(attn *fields, c *Config) {
	attn.want("attn_type", "multihead_attention")
	for _, off := range []string{"prefix_lm", "qk_ln"} {
		attn.want(off, false)
	}
	attn.want("alibi", true)
	c.ClipQKV = attn.PositiveOr("clip_qkv", 0)
	if scale := attn.PositiveOr("softmax_scale", 0); scale > 0 {
		c.AttnScale = 1 / scale
	}
	c.ALiBiSlopes = mptSlopes(c.NHeads, attn.PositiveOr("alibi_bias_max", 8))
	for _, name := range attn.unread(append([]string{"attn_impl", "attn_pdrop", "attn_uses_sequence_id"}, alwaysIgnored...)) {
		f.fail("field %q of %q = %v is not supported", name, "attn_config", attn.values[name])
	}
	f.errs = append(f.errs, attn.errs...)
}

// mptSlopes are the slopes of n heads: for n no power of two, of the next longer series first every
// second one and then the others, as far as there are heads.
func mptSlopes(n int, most float64) []float64 {
	if n < 1 || n > maxSize {
		return nil
	}
	power := 1
	for power < n {
		power *= 2
	}
	slopes := make([]float64, power)
	for i := range slopes {
		slopes[i] = math.Pow(2, -float64(i+1)*most/float64(power))
	}
	if power == n {
		return slopes
	}
	var ordered []float64
	for _, first := range []int{1, 0} {
		for i := first; i < power; i += 2 {
			ordered = append(ordered, slopes[i])
		}
	}
	return ordered[:n]
}
