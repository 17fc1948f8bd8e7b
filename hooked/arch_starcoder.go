package hooked

import "slices"

// starCoder2 reads BigCode's StarCoder 2: layer norms, biases, a plain MLP, a window.
//
// Source: transformers/models/starcoder2/modeling_starcoder2.py.
var starCoder2 = architecture{
	class: "Starcoder2ForCausalLM",
	gguf:  "starcoder2",
	noBOS: true,
	config: func(f *fields) Config {
		c := llamaSizes(f)
		c.Eps, c.Normalization, c.GatedMLP = f.Positive("norm_epsilon"), LN, false
		f.rope(&c, wholeRope)
		return windowed(f, c)
	},
	defaults: map[string]any{"num_hidden_layers": 30, "hidden_size": 3072, "max_position_embeddings": 4096, "num_attention_heads": 24,
		"num_key_value_heads": 2, "intermediate_size": 12288, "vocab_size": 49152, "norm_epsilon": 1e-5, "hidden_act": "gelu_pytorch_tanh",
		"rope_theta": 10000, "use_bias": true, "tie_word_embeddings": true},
	ggufKeys: joined(llamaGGUFKeys, map[string]string{"attention.layer_norm_epsilon": "norm_epsilon",
		"attention.sliding_window": "sliding_window"}),
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "gelu_pytorch_tanh"},
	aliases:      map[string]string{"layer_norm_eps": "norm_epsilon"},
	ignored:      []string{"attention_dropout", "embedding_dropout", "residual_dropout", "mlp_type", "norm_type"},
	prefixes:     []string{"model."},
	weights: slices.Concat(omit(llamaWeights, "mlp."), qkvBiases("use_bias"), oBias("use_bias"), []weightRule{
		{to: "blocks.%d.ln1.b", from: "layers.%d.input_layernorm.bias"},
		{to: "blocks.%d.ln2.b", from: "layers.%d.post_attention_layernorm.bias"},
		{to: "blocks.%d.mlp.W_in", from: "layers.%d.mlp.c_fc.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "layers.%d.mlp.c_fc.bias", iff: "use_bias"},
		{to: "blocks.%d.mlp.W_out", from: "layers.%d.mlp.c_proj.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "layers.%d.mlp.c_proj.bias", iff: "use_bias"},
		{to: "ln_final.b", from: "norm.bias"},
	}),
	ggufWeights: slices.Concat(omit(plainGGUFWeights, "W_gate"), separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", ""), []weightRule{
		{to: "blocks.%d.ln1.b", from: "blk.%d.attn_norm.bias"},
		{to: "blocks.%d.ln2.b", from: "blk.%d.ffn_norm.bias"},
		{to: "blocks.%d.mlp.b_in", from: "blk.%d.ffn_up.bias"},
		{to: "blocks.%d.mlp.b_out", from: "blk.%d.ffn_down.bias"},
		{to: "ln_final.b", from: "output_norm.bias"},
	}),
}

// gptBigCode reads StarCoder 1 and SantaCoder: GPT-2 whose heads share one key and value.
//
// Source: transformers/models/gpt_bigcode/modeling_gpt_bigcode.py.
var gptBigCode = architecture{
	class: "GPTBigCodeForCausalLM",
	gguf:  "starcoder",
	noBOS: true,
	config: func(f *fields) Config {
		c := Config{
			NLayers:             f.Int("n_layer"),
			DModel:              f.Int("n_embd"),
			NCtx:                f.Int("n_positions"),
			NHeads:              f.Int("n_head"),
			DVocab:              f.Int("vocab_size"),
			DMLP:                f.IntOr("n_inner", 0),
			Eps:                 f.Positive("layer_norm_epsilon"),
			ActFn:               f.Activation("activation_function"),
			Normalization:       LN,
			PositionalEmbedding: StandardPositions,
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		if f.Bool("multi_query") {
			c.NKeyValueHeads = 1
		}
		if !f.Bool("scale_attn_weights") {
			c.AttnScale = 1
		}
		f.want("num_key_value_heads", float64(c.withDefaults().NKeyValueHeads))
		f.want("add_cross_attention", false)
		return c
	},
	defaults: map[string]any{"n_layer": 12, "n_embd": 768, "n_positions": 1024, "n_head": 12, "vocab_size": 50257,
		"layer_norm_epsilon": 1e-5, "activation_function": "gelu_pytorch_tanh", "multi_query": true, "scale_attn_weights": true,
		"tie_word_embeddings": true},
	aliases: map[string]string{"hidden_size": "n_embd", "max_position_embeddings": "n_positions", "num_attention_heads": "n_head",
		"num_hidden_layers": "n_layer"},
	ggufKeys: map[string]string{"block_count": "n_layer", "embedding_length": "n_embd", "context_length": "n_positions",
		"attention.head_count": "n_head", "attention.head_count_kv": "num_key_value_heads", "feed_forward_length": "n_inner",
		"attention.layer_norm_epsilon": "layer_norm_epsilon"},
	ggufFixed: map[string]any{"activation_function": "gelu_pytorch_tanh", "multi_query": true, "scale_attn_weights": true},
	// sums in float32 are what everything here is computed in
	ignored: []string{"attn_pdrop", "embd_pdrop", "resid_pdrop", "attention_softmax_in_fp32", "scale_attention_softmax_in_fp32",
		"inference_runner", "max_batch_size", "max_sequence_length", "pad_key_length", "pre_allocate_kv_cache", "validate_runner_input",
		"summary_*", "n_ctx"},
	prefixes:       []string{"transformer."},
	ignoredTensors: []string{"h.*.attn.bias", "h.*.attn.masked_bias"},
	weights: []weightRule{
		{to: "embed.W_E", from: "wte.weight"},
		{to: "pos_embed.W_pos", from: "wpe.weight"},
		{to: "blocks.%d.ln1.w", from: "h.%d.ln_1.weight"},
		{to: "blocks.%d.ln1.b", from: "h.%d.ln_1.bias"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "h.%d.attn.c_attn.weight", pattern: "(heads e) d -> heads d e", sideBySide: true, iff: "multi_query"},
		{to: "blocks.%d.attn.b_{Q,K,V}", from: "h.%d.attn.c_attn.bias", pattern: "(heads e) -> heads e", sideBySide: true, iff: "multi_query"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "h.%d.attn.c_attn.weight", pattern: "(head qkv e) d -> qkv head d e", iff: "!multi_query"},
		{to: "blocks.%d.attn.b_{Q,K,V}", from: "h.%d.attn.c_attn.bias", pattern: "(head qkv e) -> qkv head e", iff: "!multi_query"},
		{to: "blocks.%d.attn.W_O", from: "h.%d.attn.c_proj.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "h.%d.attn.c_proj.bias"},
		{to: "blocks.%d.ln2.w", from: "h.%d.ln_2.weight"},
		{to: "blocks.%d.ln2.b", from: "h.%d.ln_2.bias"},
		{to: "blocks.%d.mlp.W_in", from: "h.%d.mlp.c_fc.weight", pattern: "m d -> d m"},
		{to: "blocks.%d.mlp.b_in", from: "h.%d.mlp.c_fc.bias"},
		{to: "blocks.%d.mlp.W_out", from: "h.%d.mlp.c_proj.weight", pattern: "d m -> m d"},
		{to: "blocks.%d.mlp.b_out", from: "h.%d.mlp.c_proj.bias"},
		{to: "ln_final.w", from: "ln_f.weight"},
		{to: "ln_final.b", from: "ln_f.bias"},
		{to: "unembed.W_U", from: "lm_head.weight", tied: "wte.weight", pattern: "v d -> d v"},
	},
	ggufWeights: slices.Concat(omit(fusedGGUFWeights, "embed.ln.", "W_{Q", "b_{Q"), []weightRule{
		{to: "pos_embed.W_pos", from: "position_embd.weight"},
		{to: "blocks.%d.attn.W_{Q,K,V}", from: "blk.%d.attn_qkv.weight", pattern: "(heads e) d -> heads d e", sideBySide: true},
		{to: "blocks.%d.attn.b_{Q,K,V}", from: "blk.%d.attn_qkv.bias", pattern: "(heads e) -> heads e", sideBySide: true},
	}),
}
