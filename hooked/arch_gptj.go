package hooked

// gptJ reads EleutherAI's GPT-J. Its attention and MLP share one layer norm; as in TransformerLens
// ln2 is a copy of ln1.
//
// Source: transformers/models/gptj/modeling_gptj.py.
var gptJ = architecture{
	name:  "GPT-J",
	class: "GPTJForCausalLM",
	config: func(f *fields) Config {
		c := Config{
			NLayers:             f.Int("n_layer"),
			DModel:              f.Int("n_embd"),
			NCtx:                f.Int("n_positions"),
			NHeads:              f.Int("n_head"),
			DVocab:              f.Int("vocab_size"),
			DMLP:                f.IntOr("n_inner", 0),
			RotaryDim:           f.Int("rotary_dim"),
			Eps:                 f.Positive("layer_norm_epsilon"),
			ActFn:               f.Activation("activation_function"),
			Normalization:       LN,
			PositionalEmbedding: RotaryPositions,
			RotaryAdjacentPairs: true,
			ParallelAttnMLP:     true,
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		if c.RotaryDim <= 0 { // Hugging Face's code then fails, but for a single head
			f.fail("field \"rotary_dim\" must be positive, got %d", c.RotaryDim)
		}
		f.want("scale_attn_weights", true)
		f.want("rotary", true)
		return c
	},
	defaults: map[string]any{"n_layer": 28, "n_embd": 4096, "n_positions": 2048, "n_head": 16, "vocab_size": 50400, "rotary_dim": 64,
		"layer_norm_epsilon": 1e-5, "activation_function": "gelu_new", "tie_word_embeddings": false},
	aliases:        gptNames,
	ignored:        []string{"attn_pdrop", "embd_pdrop", "resid_pdrop", "summary_*"},
	prefixes:       []string{"transformer."},
	ignoredTensors: []string{"h.*.attn.bias", "h.*.attn.masked_bias"},
	weights: []weightRule{
		{to: "embed.W_E", from: "wte.weight"},
		{to: "blocks.%d.ln1.w", from: "h.%d.ln_1.weight"},
		{to: "blocks.%d.ln1.b", from: "h.%d.ln_1.bias"},
		{to: "blocks.%d.attn.W_Q", from: "h.%d.attn.q_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_K", from: "h.%d.attn.k_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_V", from: "h.%d.attn.v_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_O", from: "h.%d.attn.out_proj.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.ln2.w", from: "h.%d.ln_1.weight"},
		{to: "blocks.%d.ln2.b", from: "h.%d.ln_1.bias"},
		{to: "blocks.%d.mlp.W_in", from: "h.%d.mlp.fc_in.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "h.%d.mlp.fc_in.bias"},
		{to: "blocks.%d.mlp.W_out", from: "h.%d.mlp.fc_out.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "h.%d.mlp.fc_out.bias"},
		{to: "ln_final.w", from: "ln_f.weight"},
		{to: "ln_final.b", from: "ln_f.bias"},
		{to: "unembed.W_U", from: "lm_head.weight", tied: "wte.weight", pattern: "v d -> d v"},
		{to: "unembed.b_U", from: "lm_head.bias"},
	},
}
