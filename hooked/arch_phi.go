package hooked

import "slices"

// phi reads Microsoft's Phi 1, 1.5 and 2. Attention and MLP share one layer norm; as in
// TransformerLens ln2 is a copy of ln1.
//
// Sources: transformers/models/phi/modeling_phi.py; for GGUF ("phi2") llama.cpp's
// convert_hf_to_gguf.py.
var phi = architecture{
	name:  "Phi 1 to 2",
	class: "PhiForCausalLM",
	gguf:  "phi2",
	config: func(f *fields) Config {
		c := Config{
			NLayers:             f.Int("num_hidden_layers"),
			DModel:              f.Int("hidden_size"),
			NCtx:                f.Int("max_position_embeddings"),
			NHeads:              f.Int("num_attention_heads"),
			NKeyValueHeads:      f.keyValueHeads(),
			DVocab:              f.Int("vocab_size"),
			DMLP:                f.Int("intermediate_size"),
			Eps:                 f.Positive("layer_norm_eps"),
			ActFn:               f.Activation("hidden_act"),
			Normalization:       LN,
			PositionalEmbedding: RotaryPositions,
			ParallelAttnMLP:     true,
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		f.rope(&c, partialRope)
		f.want("qk_layernorm", false)
		return c
	},
	ggufKeys: map[string]string{"block_count": "num_hidden_layers", "embedding_length": "hidden_size",
		"context_length": "max_position_embeddings", "attention.head_count": "num_attention_heads",
		"attention.head_count_kv": "num_key_value_heads", "feed_forward_length": "intermediate_size",
		"attention.layer_norm_epsilon": "layer_norm_eps", "rope.dimension_count": ggufRotaryField, "rope.freq_base": "rope_theta"},
	defaults: map[string]any{"num_hidden_layers": 24, "hidden_size": 2048, "max_position_embeddings": 2048, "num_attention_heads": 32,
		"intermediate_size": 8192, "vocab_size": 51200, "layer_norm_eps": 1e-5, "hidden_act": "gelu_new", "rope_theta": 10000,
		"partial_rotary_factor": 0.5, "qk_layernorm": false, "tie_word_embeddings": false},
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "gelu_new"},
	ignored:      []string{"attention_dropout", "embd_pdrop", "resid_pdrop"},
	prefixes:     []string{"model."},
	weights: slices.Concat([]weightRule{
		{to: "embed.W_E", from: "embed_tokens.weight"},
		{to: "blocks.%d.ln1.w", from: "layers.%d.input_layernorm.weight"},
		{to: "blocks.%d.ln1.b", from: "layers.%d.input_layernorm.bias"},
	}, separateQKV("layers.%d.self_attn.q_proj", "layers.%d.self_attn.k_proj", "layers.%d.self_attn.v_proj", ""), []weightRule{
		{to: "blocks.%d.attn.W_O", from: "layers.%d.self_attn.dense.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "layers.%d.self_attn.dense.bias"},
		{to: "blocks.%d.ln2.w", from: "layers.%d.input_layernorm.weight"},
		{to: "blocks.%d.ln2.b", from: "layers.%d.input_layernorm.bias"},
		{to: "blocks.%d.mlp.W_in", from: "layers.%d.mlp.fc1.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "layers.%d.mlp.fc1.bias"},
		{to: "blocks.%d.mlp.W_out", from: "layers.%d.mlp.fc2.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "layers.%d.mlp.fc2.bias"},
		{to: "ln_final.w", from: "final_layernorm.weight"},
		{to: "ln_final.b", from: "final_layernorm.bias"},
		{to: "unembed.W_U", from: "lm_head.weight", tied: "embed_tokens.weight", pattern: "v d -> d v"},
		{to: "unembed.b_U", from: "lm_head.bias"},
	}),
	ggufWeights: slices.Concat([]weightRule{
		{to: "embed.W_E", from: "token_embd.weight"},
		{to: "blocks.%d.ln1.w", from: "blk.%d.attn_norm.weight"},
		{to: "blocks.%d.ln1.b", from: "blk.%d.attn_norm.bias"},
	}, separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), []weightRule{
		{to: "blocks.%d.attn.W_O", from: "blk.%d.attn_output.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "blk.%d.attn_output.bias"},
		{to: "blocks.%d.ln2.w", from: "blk.%d.attn_norm.weight"},
		{to: "blocks.%d.ln2.b", from: "blk.%d.attn_norm.bias"},
		{to: "blocks.%d.mlp.W_in", from: "blk.%d.ffn_up.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "blk.%d.ffn_up.bias"},
		{to: "blocks.%d.mlp.W_out", from: "blk.%d.ffn_down.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "blk.%d.ffn_down.bias"},
		{to: "ln_final.w", from: "output_norm.weight"},
		{to: "ln_final.b", from: "output_norm.bias"},
		{to: "unembed.W_U", from: "output.weight", pattern: "v d -> d v"},
		{to: "unembed.b_U", from: "output.bias"},
	}),
}

// separateQKV are the rules of q, k and v with a matrix and a bias each; iff is the field of
// config.json that says whether there are biases.
func separateQKV(q, k, v, iff string) []weightRule {
	return []weightRule{
		{to: "blocks.%d.attn.W_Q", from: q + ".weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_K", from: k + ".weight", pattern: "(kv e) d -> kv d e"},
		{to: "blocks.%d.attn.W_V", from: v + ".weight", pattern: "(kv e) d -> kv d e"},
		{to: "blocks.%d.attn.b_Q", from: q + ".bias", pattern: "(head e) -> head e", iff: iff},
		{to: "blocks.%d.attn.b_K", from: k + ".bias", pattern: "(kv e) -> kv e", iff: iff},
		{to: "blocks.%d.attn.b_V", from: v + ".bias", pattern: "(kv e) -> kv e", iff: iff},
	}
}
