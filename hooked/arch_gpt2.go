package hooked

// gpt2 reads OpenAI's GPT-2 and its copies (distilgpt2, the Stanford CRFM runs).
//
// Source: transformers/models/gpt2/modeling_gpt2.py. Linear layers are Conv1D, that is [in, out],
// so nothing is transposed, and q, k and v lie side by side in c_attn.
var gpt2 = architecture{
	name:  "GPT-2",
	class: "GPT2LMHeadModel",
	gguf:  "gpt2",
	config: func(f *fields) Config {
		c := Config{
			NLayers:                    f.Int("n_layer"),
			DModel:                     f.Int("n_embd"),
			NCtx:                       f.Int("n_positions"),
			NHeads:                     f.Int("n_head"),
			DVocab:                     f.Int("vocab_size"),
			DMLP:                       f.IntOr("n_inner", 0),
			Eps:                        f.Positive("layer_norm_epsilon"),
			ActFn:                      f.Activation("activation_function"),
			ScaleAttnByInverseLayerIdx: f.Bool("scale_attn_by_inverse_layer_idx"),
			Normalization:              LN,
			PositionalEmbedding:        StandardPositions,
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		if !f.BoolOr("scale_attn_weights", true) {
			c.AttnScale = 1
		}
		f.want("add_cross_attention", false)
		return c
	},
	defaults: map[string]any{"n_layer": 12, "n_embd": 768, "n_positions": 1024, "n_head": 12, "vocab_size": 50257,
		"layer_norm_epsilon": 1e-5, "activation_function": "gelu_new", "scale_attn_weights": true,
		"scale_attn_by_inverse_layer_idx": false, "tie_word_embeddings": true},
	aliases: gptNames,
	ggufKeys: map[string]string{"block_count": "n_layer", "embedding_length": "n_embd", "context_length": "n_positions",
		"attention.head_count": "n_head", "feed_forward_length": "n_inner", "attention.layer_norm_epsilon": "layer_norm_epsilon"},
	ggufFixed: map[string]any{"activation_function": "gelu_new"},
	ignored: []string{"attn_pdrop", "embd_pdrop", "resid_pdrop", "summary_*", "n_ctx", "reorder_and_upcast_attn", "bos_token",
		"eos_token", "output_past"},
	prefixes:       []string{"transformer."},
	ignoredTensors: []string{"h.*.attn.bias", "h.*.attn.masked_bias", "lm_head.weight"},
	weights: []weightRule{
		{to: "embed.W_E", from: "wte.weight"},
		{to: "pos_embed.W_pos", from: "wpe.weight"},
		{to: "blocks.%d.ln1.w", from: "h.%d.ln_1.weight"},
		{to: "blocks.%d.ln1.b", from: "h.%d.ln_1.bias"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "h.%d.attn.c_attn.weight", pattern: "d (qkv head e) -> qkv head d e"},
		{to: "blocks.%d.attn.b_{Q,K,V}", from: "h.%d.attn.c_attn.bias", pattern: "(qkv head e) -> qkv head e"},
		{to: "blocks.%d.attn.W_O", from: "h.%d.attn.c_proj.weight", pattern: "(head e) d -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "h.%d.attn.c_proj.bias"},
		{to: "blocks.%d.ln2.w", from: "h.%d.ln_2.weight"},
		{to: "blocks.%d.ln2.b", from: "h.%d.ln_2.bias"},
		{to: "blocks.%d.mlp.W_in", from: "h.%d.mlp.c_fc.weight"},
		{to: "blocks.%d.mlp.b_in", from: "h.%d.mlp.c_fc.bias"},
		{to: "blocks.%d.mlp.W_out", from: "h.%d.mlp.c_proj.weight"},
		{to: "blocks.%d.mlp.b_out", from: "h.%d.mlp.c_proj.bias"},
		{to: "ln_final.w", from: "ln_f.weight"},
		{to: "ln_final.b", from: "ln_f.bias"},
		// tied
		{to: "unembed.W_U", from: "lm_head.weight", tied: "wte.weight", pattern: "v d -> d v"},
	},
	ggufWeights: []weightRule{
		{to: "embed.W_E", from: "token_embd.weight"},
		{to: "pos_embed.W_pos", from: "position_embd.weight"},
		{to: "blocks.%d.ln1.w", from: "blk.%d.attn_norm.weight"},
		{to: "blocks.%d.ln1.b", from: "blk.%d.attn_norm.bias"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "blk.%d.attn_qkv.weight", pattern: "(qkv head e) d -> qkv head d e"},
		{to: "blocks.%d.attn.b_{Q,K,V}", from: "blk.%d.attn_qkv.bias", pattern: "(qkv head e) -> qkv head e"},
		{to: "blocks.%d.attn.W_O", from: "blk.%d.attn_output.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "blk.%d.attn_output.bias"},
		{to: "blocks.%d.ln2.w", from: "blk.%d.ffn_norm.weight"},
		{to: "blocks.%d.ln2.b", from: "blk.%d.ffn_norm.bias"},
		{to: "blocks.%d.mlp.W_in", from: "blk.%d.ffn_up.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "blk.%d.ffn_up.bias"},
		{to: "blocks.%d.mlp.W_out", from: "blk.%d.ffn_down.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "blk.%d.ffn_down.bias"},
		{to: "ln_final.w", from: "output_norm.weight"},
		{to: "ln_final.b", from: "output_norm.bias"},
		{to: "unembed.W_U", from: "output.weight", tied: "token_embd.weight", pattern: "v d -> d v"},
	},
}

// gptNames are other names of sizes that OpenAI's configuration class and GPT-J's know.
var gptNames = map[string]string{"hidden_size": "n_embd", "max_position_embeddings": "n_positions",
	"num_attention_heads": "n_head", "num_hidden_layers": "n_layer"}
