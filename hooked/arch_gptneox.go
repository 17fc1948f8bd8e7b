package hooked

// gptNeoX reads EleutherAI's GPT-NeoX and Pythia.
//
// Sources: transformers/models/gpt_neox/modeling_gpt_neox.py, where q, k and v of a head lie
// together; for GGUF, llama.cpp's convert_hf_to_gguf.py, which puts all q before all k before all
// v.
var gptNeoX = architecture{
	name:  "GPT-NeoX and Pythia",
	class: "GPTNeoXForCausalLM",
	gguf:  "gptneox",
	config: func(f *fields) Config {
		c := Config{
			NLayers:             f.Int("num_hidden_layers"),
			DModel:              f.Int("hidden_size"),
			NCtx:                f.Int("max_position_embeddings"),
			NHeads:              f.Int("num_attention_heads"),
			DVocab:              f.Int("vocab_size"),
			DMLP:                f.Int("intermediate_size"),
			Eps:                 f.Positive("layer_norm_eps"),
			ActFn:               f.Activation("hidden_act"),
			ParallelAttnMLP:     f.Bool("use_parallel_residual"),
			Normalization:       LN,
			PositionalEmbedding: RotaryPositions,
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		f.rope(&c, ropeNames{f.anyOf("rotary_emb_base", "rope_theta"), f.anyOf("rotary_pct", "partial_rotary_factor")})
		return c
	},
	ggufKeys: map[string]string{"block_count": "num_hidden_layers", "embedding_length": "hidden_size",
		"context_length": "max_position_embeddings", "attention.head_count": "num_attention_heads",
		"feed_forward_length": "intermediate_size", "attention.layer_norm_epsilon": "layer_norm_eps",
		"rope.dimension_count": ggufRotaryField, "rope.freq_base": "rotary_emb_base", "use_parallel_residual": "use_parallel_residual"},
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "gelu"},
	defaults: map[string]any{"num_hidden_layers": 44, "hidden_size": 6144, "max_position_embeddings": 2048, "num_attention_heads": 64,
		"vocab_size": 50432, "intermediate_size": 24576, "layer_norm_eps": 1e-5, "hidden_act": "gelu", "use_parallel_residual": true,
		"attention_bias": true, "rotary_emb_base": 10000, "rotary_pct": 0.25, "tie_word_embeddings": false},
	ignored:        []string{"attention_dropout", "hidden_dropout", "classifier_dropout", "attention_probs_dropout_prob", "hidden_dropout_prob"},
	prefixes:       []string{"gpt_neox."},
	ignoredTensors: []string{"layers.*.attention.bias", "layers.*.attention.masked_bias", "layers.*.attention.rotary_emb.inv_freq"},
	weights: []weightRule{
		{to: "embed.W_E", from: "embed_in.weight"},
		{to: "blocks.%d.ln1.w", from: "layers.%d.input_layernorm.weight"},
		{to: "blocks.%d.ln1.b", from: "layers.%d.input_layernorm.bias"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "layers.%d.attention.query_key_value.weight", pattern: "(head qkv e) d -> qkv head d e"},
		{to: "blocks.%d.attn.b_{Q,K,V}", from: "layers.%d.attention.query_key_value.bias", pattern: "(head qkv e) -> qkv head e", iff: "attention_bias"},
		{to: "blocks.%d.attn.W_O", from: "layers.%d.attention.dense.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "layers.%d.attention.dense.bias", iff: "attention_bias"},
		{to: "blocks.%d.ln2.w", from: "layers.%d.post_attention_layernorm.weight"},
		{to: "blocks.%d.ln2.b", from: "layers.%d.post_attention_layernorm.bias"},
		{to: "blocks.%d.mlp.W_in", from: "layers.%d.mlp.dense_h_to_4h.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "layers.%d.mlp.dense_h_to_4h.bias"},
		{to: "blocks.%d.mlp.W_out", from: "layers.%d.mlp.dense_4h_to_h.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "layers.%d.mlp.dense_4h_to_h.bias"},
		{to: "ln_final.w", from: "final_layer_norm.weight"},
		{to: "ln_final.b", from: "final_layer_norm.bias"},
		{to: "unembed.W_U", from: "embed_out.weight", tied: "embed_in.weight", pattern: "v d -> d v"},
	},
	ggufWeights: fusedGGUFWeights,
}

// fusedGGUFWeights are the tensors that llama.cpp writes for GPT-2's successors with one matrix for
// q, k and v.
var fusedGGUFWeights = []weightRule{
	{to: "embed.W_E", from: "token_embd.weight"},
	{to: "embed.ln.w", from: "token_embd_norm.weight"},
	{to: "embed.ln.b", from: "token_embd_norm.bias"},
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
}
