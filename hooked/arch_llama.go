package hooked

import "slices"

// llama reads Meta's Llama and the many models of its shape (SmolLM2 among them).
//
// Sources: transformers/models/llama/modeling_llama.py; for GGUF, llama.cpp's
// convert_hf_to_gguf.py, which stores the rows of q and k so that the two halves of a rotary pair
// lie side by side; the pattern undoes it.
var llama = architecture{
	class:  "LlamaForCausalLM",
	gguf:   "llama",
	config: llamaConfig,
	defaults: map[string]any{"num_hidden_layers": 32, "hidden_size": 4096, "max_position_embeddings": 2048, "num_attention_heads": 32,
		"intermediate_size": 11008, "vocab_size": 32000, "rms_norm_eps": 1e-6, "hidden_act": "silu", "rope_theta": 10000,
		"attention_bias": false, "mlp_bias": false, "tie_word_embeddings": false},
	ggufKeys:       llamaGGUFKeys,
	ggufDefaults:   llamaCPP,
	ggufFixed:      map[string]any{"hidden_act": "silu"},
	ignored:        []string{"attention_dropout", "pretraining_tp", "rms_norm", "is_llama_config", "rope_interleaved"},
	prefixes:       []string{"model."},
	ignoredTensors: []string{"layers.*.self_attn.rotary_emb.inv_freq", ropeFactors},
	weights:        slices.Concat(llamaWeights, qkvBiases("attention_bias"), oBias("attention_bias")),
	ggufWeights:    slices.Concat(plainGGUFWeights, permutedQK),
}

// llamaWeights are the tensors of Llama and its relatives, without biases.
var llamaWeights = []weightRule{
	{to: "embed.W_E", from: "embed_tokens.weight"},
	{to: "blocks.%d.ln1.w", from: "layers.%d.input_layernorm.weight"},
	{to: "blocks.%d.attn.W_Q", from: "layers.%d.self_attn.q_proj.weight", pattern: "(head e) d -> head d e"},
	{to: "blocks.%d.attn.W_K", from: "layers.%d.self_attn.k_proj.weight", pattern: "(kv e) d -> kv d e"},
	{to: "blocks.%d.attn.W_V", from: "layers.%d.self_attn.v_proj.weight", pattern: "(kv e) d -> kv d e"},
	{to: "blocks.%d.attn.W_O", from: "layers.%d.self_attn.o_proj.weight", pattern: "d (head e) -> head e d"},
	{to: "blocks.%d.ln2.w", from: "layers.%d.post_attention_layernorm.weight"},
	{to: "blocks.%d.mlp.W_gate", from: "layers.%d.mlp.gate_proj.weight", pattern: "m d -> d m"},
	{to: "blocks.%d.mlp.W_in", from: "layers.%d.mlp.up_proj.weight", pattern: "m d -> d m"},
	{to: "blocks.%d.mlp.W_out", from: "layers.%d.mlp.down_proj.weight", pattern: "d m -> m d"},
	{to: "ln_final.w", from: "norm.weight"},
	{to: "unembed.W_U", from: "lm_head.weight", tied: "embed_tokens.weight", pattern: "v d -> d v"},
}

// qkvBiases are those of q, k and v, where a field of config.json says that there are any; with no
// field there always are.
func qkvBiases(iff string) []weightRule {
	return []weightRule{
		{to: "blocks.%d.attn.b_Q", from: "layers.%d.self_attn.q_proj.bias", pattern: "(head e) -> head e", iff: iff},
		{to: "blocks.%d.attn.b_K", from: "layers.%d.self_attn.k_proj.bias", pattern: "(kv e) -> kv e", iff: iff},
		{to: "blocks.%d.attn.b_V", from: "layers.%d.self_attn.v_proj.bias", pattern: "(kv e) -> kv e", iff: iff},
	}
}

// oBias is that of what the heads write.
func oBias(iff string) []weightRule {
	return []weightRule{{to: "blocks.%d.attn.b_O", from: "layers.%d.self_attn.o_proj.bias", iff: iff}}
}

// llamaCPP are llama.cpp's defaults of keys that a GGUF file may leave out; whatever else it leaves
// out follows from what it says, or is an error. Source: llama.cpp, src/llama-model.cpp,
// load_hparams.
var llamaCPP = map[string]any{"rope_theta": 10000, "rotary_emb_base": 10000}

// permutedQK are q, k and v as GGUF stores Llama's.
var permutedQK = []weightRule{
	{to: "blocks.%d.attn.W_Q", from: "blk.%d.attn_q.weight", pattern: "(head j half) d -> head d (half j)"},
	{to: "blocks.%d.attn.W_K", from: "blk.%d.attn_k.weight", pattern: "(kv j half) d -> kv d (half j)"},
	{to: "blocks.%d.attn.b_Q", from: "blk.%d.attn_q.bias", pattern: "(head j half) -> head (half j)"},
	{to: "blocks.%d.attn.b_K", from: "blk.%d.attn_k.bias", pattern: "(kv j half) -> kv (half j)"},
	{to: "blocks.%d.attn.W_V", from: "blk.%d.attn_v.weight", pattern: "(kv e) d -> kv d e"},
	{to: "blocks.%d.attn.b_V", from: "blk.%d.attn_v.bias", pattern: "(kv e) -> kv e"},
}

// plainGGUFWeights are the tensors, but for q, k and v, that llama.cpp writes for Llama and its
// relatives.
var plainGGUFWeights = []weightRule{
	{to: "embed.W_E", from: "token_embd.weight"},
	{to: "blocks.%d.ln1.w", from: "blk.%d.attn_norm.weight"},
	{to: "blocks.%d.attn.W_O", from: "blk.%d.attn_output.weight", pattern: "d (head e) -> head e d"},
	{to: "blocks.%d.attn.b_O", from: "blk.%d.attn_output.bias"},
	{to: "blocks.%d.ln2.w", from: "blk.%d.ffn_norm.weight"},
	{to: "blocks.%d.mlp.W_gate", from: "blk.%d.ffn_gate.weight", pattern: "m d -> d m"},
	{to: "blocks.%d.mlp.W_in", from: "blk.%d.ffn_up.weight", pattern: "m d -> d m"},
	{to: "blocks.%d.mlp.W_out", from: "blk.%d.ffn_down.weight", pattern: "d m -> m d"},
	{to: "ln_final.w", from: "output_norm.weight"},
	{to: "unembed.W_U", from: "output.weight", tied: "token_embd.weight", pattern: "v d -> d v"},
}

// llamaGGUFKeys are the metadata that Llama and its relatives share.
var llamaGGUFKeys = map[string]string{
	"block_count":                          "num_hidden_layers",
	"embedding_length":                     "hidden_size",
	"context_length":                       "max_position_embeddings",
	"feed_forward_length":                  "intermediate_size",
	"attention.head_count":                 "num_attention_heads",
	"attention.head_count_kv":              "num_key_value_heads",
	"attention.layer_norm_rms_epsilon":     "rms_norm_eps",
	"attention.key_length":                 "head_dim",
	"attention.value_length":               ggufValueField,
	"rope.freq_base":                       "rope_theta",
	"rope.dimension_count":                 ggufRotaryField,
	"rope.scaling.type":                    "rope_scaling.type",
	"rope.scaling.factor":                  "rope_scaling.factor",
	"rope.scaling.original_context_length": "rope_scaling.original_max_position_embeddings",
	"rope.scale_linear":                    "rope_scaling.factor", // the older key
	"rope.scaling.yarn_beta_fast":          "rope_scaling.beta_fast",
	"rope.scaling.yarn_beta_slow":          "rope_scaling.beta_slow",
	"rope.scaling.yarn_ext_factor":         "rope_scaling.ext_factor",
	"rope.scaling.yarn_attn_factor":        "rope_scaling.attn_factor",
	"rope.scaling.finetuned":               "",
	"vocab_size":                           "",
}

func llamaConfig(f *fields) Config { return llamaLike(f, wholeRope) }

// llamaLike reads the fields that Llama and its relatives share.
func llamaLike(f *fields, names ropeNames) Config {
	c := llamaSizes(f)
	c.Eps, c.Normalization = f.Positive("rms_norm_eps"), RMS
	f.rope(&c, names)
	return c
}

// llamaSizes reads the fields of Llama's relatives but for norms and rotary settings.
func llamaSizes(f *fields) Config {
	c := Config{
		NLayers:             f.Int("num_hidden_layers"),
		DModel:              f.Int("hidden_size"),
		NCtx:                f.Int("max_position_embeddings"),
		NHeads:              f.Int("num_attention_heads"),
		NKeyValueHeads:      f.keyValueHeads(),
		DMLP:                f.Int("intermediate_size"),
		DVocab:              f.Int("vocab_size"),
		ActFn:               f.Activation("hidden_act"),
		PositionalEmbedding: RotaryPositions,
		GatedMLP:            true,
	}
	c.DHead = f.headWidth(c)
	f.want("mlp_bias", false)
	return c
}
