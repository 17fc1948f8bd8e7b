package hooked

import (
	"slices"
	"strings"
)

// t5 reads Google's T5, its version 1.1 and Flan, as an [EncoderDecoder].
//
// Sources: transformers/models/t5/modeling_t5.py; for GGUF, llama.cpp's convert_hf_to_gguf.py and
// src/llama-model.cpp. T5 1.0 unembeds with its embedding, and divides by sqrt(d_model) first.
// Transformers 5 ties the two whatever the file says, and writes what it said as
// scale_decoder_outputs.
var t5 = architecture{
	name:           "T5 and Flan-T5",
	class:          "T5ForConditionalGeneration",
	also:           []string{"T5WithLMHeadModel"},
	gguf:           "t5",
	encoderDecoder: true,
	config:         t5Config,
	defaults: map[string]any{"vocab_size": 32128, "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_heads": 8,
		"relative_attention_num_buckets": 32, "relative_attention_max_distance": 128, "layer_norm_epsilon": 1e-6,
		"feed_forward_proj": "relu", "tie_word_embeddings": true},
	ggufKeys: map[string]string{
		"block_count":                      "num_layers",
		"decoder_block_count":              "num_decoder_layers",
		"embedding_length":                 "d_model",
		"context_length":                   "n_positions",
		"feed_forward_length":              "d_ff",
		"attention.head_count":             "num_heads",
		"attention.key_length":             "d_kv",
		"attention.value_length":           ggufValueField,
		"attention.layer_norm_epsilon":     "",
		"attention.layer_norm_rms_epsilon": "layer_norm_epsilon",
		"attention.relative_buckets_count": "relative_attention_num_buckets",
		"decoder_start_token_id":           "decoder_start_token_id",
		"vocab_size":                       "",
		"attention.relative_max_distance":  "relative_attention_max_distance",
		"attention.head_count_kv":          "",
	},
	ggufDefaults: map[string]any{"decoder_start_token_id": 0},
	ggufFixed:    map[string]any{"relative_attention_max_distance": 128.0},
	// llama.cpp calls a UMT5 a t5 too
	ggufTensors: map[string]string{"enc.blk.0.ffn_gate.weight": "gated", "output.weight": "own head",
		"enc.blk.1.attn_rel_b.weight": ownRelative, "dec.blk.1.attn_rel_b.weight": ownRelative},
	ignored: []string{"classifier_dropout", "dropout_rate", "initializer_factor", "is_encoder_decoder", "output_past"},
	ignoredTensors: []string{"encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
		"decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight", "dec.blk.*.cross_attn_rel_b.weight"},
	weights:     t5Weights("encoder.block.%d.layer.", "decoder.block.%d.layer."),
	ggufWeights: t5GGUFWeights,
}

// mt5 reads the multilingual T5, whose class has other defaults.
var mt5 = func() architecture {
	a := t5.as("MT5ForConditionalGeneration")
	a.name, a.also, a.gguf = "mT5", nil, ""
	a.defaults = joined(t5.defaults, map[string]any{"vocab_size": 250112, "d_ff": 1024, "num_layers": 8, "num_heads": 6,
		"feed_forward_proj": "gated-gelu", "tie_word_embeddings": false})
	return a
}()

// umt5 reads UMT5: mT5 with numbers of relative positions in every layer. Where config.json ties
// the embeddings the output is scaled, as in transformers 4; transformers 5 ties and scales always,
// also the published models, which have an unembedding of their own.
//
// Source: transformers/models/umt5/modeling_umt5.py.
var umt5 = func() architecture {
	a := mt5.as("UMT5ForConditionalGeneration")
	a.name = "UMT5"
	a.defaults = joined(mt5.defaults, map[string]any{"tie_word_embeddings": true})
	a.ignored = slices.Concat(t5.ignored, []string{"scalable_attention"})
	a.config = func(f *fields) Config {
		f.derive(ownRelative, true)
		return t5Config(f)
	}
	return a
}()

// ownRelative is the field that says whether each layer has numbers of relative positions, which no
// file has.
const ownRelative = "relative_in_each"

func t5Config(f *fields) Config {
	c := Config{
		NEncoderLayers:      f.Int("num_layers"),
		NLayers:             f.IntOr("num_decoder_layers", 0),
		DModel:              f.Int("d_model"),
		DHead:               f.Int("d_kv"),
		NHeads:              f.Int("num_heads"),
		DMLP:                f.Int("d_ff"),
		DVocab:              f.Int("vocab_size"),
		NCtx:                f.IntOr("n_positions", 512),
		Eps:                 f.Positive("layer_norm_epsilon"),
		Normalization:       RMS,
		AttnScale:           1,
		AttentionDir:        Causal,
		PositionalEmbedding: RelativePositions,
		RelativeBuckets:     f.Int("relative_attention_num_buckets"),
		RelativeMaxDistance: f.Int("relative_attention_max_distance"),
		RelativeEachLayer:   f.Bool(ownRelative),
		DecoderStart:        f.CountOr("decoder_start_token_id", 0),
	}
	if c.NLayers == 0 {
		c.NLayers = c.NEncoderLayers
	}
	f.t5MLP(&c)
	f.want(ggufValueField, float64(c.DHead))
	if f.gguf {
		c.ScaledOutput = !f.Bool("own head")
		return c
	}
	c.ScaledOutput = f.BoolOr("scale_decoder_outputs", f.Bool("tie_word_embeddings"))
	f.want("is_encoder_decoder", true)
	return c
}

// t5MLP reads the activation and whether MLPs are gated. A config.json says both in one word, and
// those that transformers has written once more by themselves; GGUF has no word for either.
func (f *fields) t5MLP(c *Config) {
	if f.gguf {
		c.GatedMLP, c.ActFn = f.Bool("gated"), "relu"
		if c.GatedMLP {
			c.ActFn = "gelu_new"
		}
		return
	}
	word := f.String("feed_forward_proj")
	act, gated := strings.CutPrefix(word, "gated-")
	if word == "gated-gelu" {
		act = "gelu_new"
	}
	if f.has("dense_act_fn") {
		act = f.String("dense_act_fn")
	}
	if c.GatedMLP = f.BoolOr("is_gated_act", gated); c.GatedMLP != gated {
		f.fail("field \"is_gated_act\" is %t, and \"feed_forward_proj\" %q", c.GatedMLP, word)
	}
	if c.ActFn = Activation(act); !c.ActFn.known() {
		f.fail("field \"feed_forward_proj\": activation %q is not supported; known: %v", act, Activations())
	}
	f.derive("gated", gated)
}

// t5Weights are the tensors of a T5; encoder and decoder begin the names of those of a layer.
func t5Weights(encoder, decoder string) []weightRule {
	rules := []weightRule{
		{to: "embed.W_E", from: "shared.weight|encoder.embed_tokens.weight|decoder.embed_tokens.weight"},
		{to: "encoder_final_ln.w", from: "encoder.final_layer_norm.weight"},
		{to: "decoder_final_ln.w", from: "decoder.final_layer_norm.weight"},
		{to: "encoder.0." + relativeWeights, from: "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", iff: "!" + ownRelative},
		{to: "decoder.0." + relativeWeights, from: "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", iff: "!" + ownRelative},
		{to: "encoder.%d." + relativeWeights, from: encoder + "0.SelfAttention.relative_attention_bias.weight", iff: ownRelative},
		{to: "decoder.%d." + relativeWeights, from: decoder + "0.SelfAttention.relative_attention_bias.weight", iff: ownRelative},
		{to: "unembed.W_U", from: "lm_head.weight", tied: "shared.weight", pattern: "v d -> d v"},
	}
	rules = append(rules, t5Attention("encoder.%d.attn.", encoder+"0.SelfAttention.%s.weight")...)
	rules = append(rules, t5Attention("decoder.%d.attn.", decoder+"0.SelfAttention.%s.weight")...)
	rules = append(rules, t5Attention("decoder.%d.cross_attn.", decoder+"1.EncDecAttention.%s.weight")...)
	for _, s := range []struct {
		to, from string
		last     string // the number of the MLP among the parts of a layer
	}{{"encoder.%d.", encoder, "1"}, {"decoder.%d.", decoder, "2"}} {
		mlp := s.from + s.last + ".DenseReluDense."
		rules = append(rules, []weightRule{
			{to: s.to + "ln1.w", from: s.from + "0.layer_norm.weight"},
			{to: s.to + "ln2.w", from: s.from + "1.layer_norm.weight"},
			{to: s.to + "mlp.W_in", from: mlp + "wi.weight", pattern: "m d -> d m", iff: "!gated"},
			{to: s.to + "mlp.W_gate", from: mlp + "wi_0.weight", pattern: "m d -> d m", iff: "gated"},
			{to: s.to + "mlp.W_in", from: mlp + "wi_1.weight", pattern: "m d -> d m", iff: "gated"},
			{to: s.to + "mlp.W_out", from: mlp + "wo.weight", pattern: "d m -> m d"},
		}...)
	}
	return append(rules, weightRule{to: "decoder.%d.ln3.w", from: decoder + "2.layer_norm.weight"})
}

// t5Attention are the four matrices of an attention; from has %s for which it is.
func t5Attention(to, from string) []weightRule {
	named := func(which string) string { return strings.Replace(from, "%s", which, 1) }
	return []weightRule{
		{to: to + "W_Q", from: named("q"), pattern: "(head e) d -> head d e"},
		{to: to + "W_K", from: named("k"), pattern: "(head e) d -> head d e"},
		{to: to + "W_V", from: named("v"), pattern: "(head e) d -> head d e"},
		{to: to + "W_O", from: named("o"), pattern: "d (head e) -> head e d"},
	}
}

// t5GGUFWeights are the tensors that llama.cpp writes for a T5.
var t5GGUFWeights = func() []weightRule {
	rules := []weightRule{
		{to: "embed.W_E", from: "token_embd.weight"},
		{to: "encoder_final_ln.w", from: "enc.output_norm.weight"},
		{to: "decoder_final_ln.w", from: "dec.output_norm.weight"},
		{to: "encoder.%d." + relativeWeights, from: "enc.blk.%d.attn_rel_b.weight"},
		{to: "decoder.%d." + relativeWeights, from: "dec.blk.%d.attn_rel_b.weight"},
		{to: "decoder.%d.ln3.w", from: "dec.blk.%d.ffn_norm.weight"},
		{to: "decoder.%d.ln2.w", from: "dec.blk.%d.cross_attn_norm.weight"},
		{to: "encoder.%d.ln2.w", from: "enc.blk.%d.ffn_norm.weight"},
		{to: "unembed.W_U", from: "output.weight", tied: "token_embd.weight", pattern: "v d -> d v"},
	}
	for _, part := range [][2]string{{"encoder.%d.", "enc.blk.%d."}, {"decoder.%d.", "dec.blk.%d."}} {
		to, from := part[0], part[1]
		rules = append(rules, t5Attention(to+"attn.", from+"attn_%s.weight")...)
		rules = append(rules, []weightRule{
			{to: to + "ln1.w", from: from + "attn_norm.weight"},
			{to: to + "mlp.W_gate", from: from + "ffn_gate.weight", pattern: "m d -> d m"},
			{to: to + "mlp.W_in", from: from + "ffn_up.weight", pattern: "m d -> d m"},
			{to: to + "mlp.W_out", from: from + "ffn_down.weight", pattern: "d m -> m d"},
		}...)
	}
	return append(rules, t5Attention("decoder.%d.cross_attn.", "dec.blk.%d.cross_attn_%s.weight")...)
}()
