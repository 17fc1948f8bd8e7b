package hooked

// gptNeo reads EleutherAI's GPT-Neo and the TinyStories models: scores are not scaled, and every
// second layer sees a window only.
//
// Source: transformers/models/gpt_neo/modeling_gpt_neo.py.
var gptNeo = architecture{
	name:  "GPT-Neo",
	class: "GPTNeoForCausalLM",
	config: func(f *fields) Config {
		c := Config{
			NLayers:             f.Int("num_layers"),
			DModel:              f.Int("hidden_size"),
			NCtx:                f.Int("max_position_embeddings"),
			NHeads:              f.Int("num_heads"),
			DVocab:              f.Int("vocab_size"),
			DMLP:                f.IntOr("intermediate_size", 0),
			WindowSize:          f.Int("window_size"),
			Eps:                 f.Positive("layer_norm_epsilon"),
			ActFn:               f.Activation("activation_function"),
			AttnScale:           1,
			Normalization:       LN,
			PositionalEmbedding: StandardPositions,
		}
		c.DHead = quotient(c.DModel, c.NHeads)
		repeated := f.repeatedKinds("attention_types", min(c.NLayers, maxLayers))
		f.attnTypes(&c, "attention_layers", func(l int) AttentionKind {
			if l < len(repeated) {
				return repeated[l]
			}
			return GlobalAttention
		})
		return c
	},
	defaults: map[string]any{"num_layers": 24, "hidden_size": 2048, "max_position_embeddings": 2048, "num_heads": 16,
		"vocab_size": 50257, "window_size": 256, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
		"attention_types": []any{[]any{[]any{"global", "local"}, 12}}, "tie_word_embeddings": true},
	aliases:        map[string]string{"num_attention_heads": "num_heads", "num_hidden_layers": "num_layers"},
	ignored:        []string{"attention_dropout", "embed_dropout", "resid_dropout", "classifier_dropout", "summary_*"},
	prefixes:       []string{"transformer."},
	ignoredTensors: []string{"h.*.attn.attention.bias", "h.*.attn.attention.masked_bias"},
	weights: []weightRule{
		{to: "embed.W_E", from: "wte.weight"},
		{to: "pos_embed.W_pos", from: "wpe.weight"},
		{to: "blocks.%d.ln1.w", from: "h.%d.ln_1.weight"},
		{to: "blocks.%d.ln1.b", from: "h.%d.ln_1.bias"},
		{to: "blocks.%d.attn.W_Q", from: "h.%d.attn.attention.q_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_K", from: "h.%d.attn.attention.k_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_V", from: "h.%d.attn.attention.v_proj.weight", pattern: "(head e) d -> head d e"},
		{to: "blocks.%d.attn.W_O", from: "h.%d.attn.attention.out_proj.weight", pattern: "d (head e) -> head e d"},
		{to: "blocks.%d.attn.b_O", from: "h.%d.attn.attention.out_proj.bias"},
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
}

// repeatedKinds reads GPT-Neo's older spelling of its layers: [[["global", "local"], 12]] is twelve
// times global, local. No more than limit entries are made, whatever the file says.
func (f *fields) repeatedKinds(name string, limit int) []AttentionKind {
	v, _ := f.get(name)
	groups, _ := v.([]any)
	var kinds []AttentionKind
	for _, group := range groups {
		pair, _ := group.([]any)
		if len(pair) != 2 {
			f.fail("field %q is %v, want a list of [kinds, times]", name, v)
			return nil
		}
		list, isList := pair[0].([]any)
		times, isNumber := pair[1].(float64)
		if !isList || !isNumber {
			f.fail("field %q is %v, want a list of [kinds, times]", name, v)
			return nil
		}
		for i := 0; i < int(times)*len(list) && len(kinds) < limit; i++ {
			kind, _ := list[i%len(list)].(string)
			kinds = append(kinds, layerKinds[kind])
		}
	}
	return kinds
}
