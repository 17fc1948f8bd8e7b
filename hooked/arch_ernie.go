package hooked

import "slices"

// ernie45 reads Baidu's ERNIE 4.5 without experts: Llama turned in adjacent pairs.
//
// Sources: transformers/models/ernie4_5/modeling_ernie4_5.py; for GGUF, llama.cpp's
// conversion/ernie.py, which leaves q and k as they are.
var ernie45 = architecture{
	name:  "ERNIE 4.5",
	class: "Ernie4_5ForCausalLM",
	also:  []string{"Ernie4_5_ForCausalLM"}, // of the code that the files came with
	gguf:  "ernie4_5",
	config: func(f *fields) Config {
		c := llamaLike(f, wholeRope)
		c.RotaryAdjacentPairs = true
		f.want("use_bias", false) // gate and up would have some
		return c
	},
	defaults: map[string]any{"num_hidden_layers": 18, "hidden_size": 1024, "max_position_embeddings": 131072, "num_attention_heads": 16,
		"num_key_value_heads": 2, "head_dim": 128, "intermediate_size": 3072, "vocab_size": 103424, "rms_norm_eps": 1e-5,
		"hidden_act": "silu", "rope_theta": 500000, "use_bias": false, "tie_word_embeddings": true},
	ggufKeys:     llamaGGUFKeys,
	ggufDefaults: llamaCPP,
	ggufFixed:    map[string]any{"hidden_act": "silu"},
	prefixes:     []string{"model."},
	weights:      llamaWeights,
	ggufWeights:  slices.Concat(omit(plainGGUFWeights, "b_O"), separateQKV("blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", "")),
}
