package hooked

import "math"

// gemmaConfig reads the fields that all Gemmas share. Whatever the file says of gelu, the models
// were trained with the tanh approximation.
func gemmaConfig(f *fields) Config {
	c := Config{
		NLayers:             f.Int("num_hidden_layers"),
		DModel:              f.Int("hidden_size"),
		NCtx:                f.Int("max_position_embeddings"),
		NHeads:              f.Int("num_attention_heads"),
		NKeyValueHeads:      f.keyValueHeads(),
		DMLP:                f.Int("intermediate_size"),
		DVocab:              f.Int("vocab_size"),
		Eps:                 f.Positive("rms_norm_eps"),
		ActFn:               GELUPytorchTanh,
		Normalization:       RMS,
		PositionalEmbedding: RotaryPositions,
		GatedMLP:            true,
	}
	if c.DHead = f.headWidth(c); !f.gguf {
		c.NKeyValueHeads = f.Int("num_key_value_heads") // null is no value here
	}
	f.want("hidden_act", "gelu", "gelu_pytorch_tanh")
	f.want("hidden_activation", "gelu_pytorch_tanh")
	f.want("use_bidirectional_attention", false)
	return c
}

func gemma1Config(f *fields) Config {
	c := gemmaConfig(f)
	f.rope(&c, wholeRope)
	return c
}

func gemma2Config(f *fields) Config {
	c := gemma1Config(f)
	c.NormalizationBeforeAndAfter = true
	c.AttnScoresSoftCap = f.PositiveOr("attn_logit_softcapping", 0)
	c.OutputLogitsSoftCap = f.PositiveOr("final_logit_softcapping", 0)
	c.AttnScale = math.Sqrt(f.PositiveOr("query_pre_attn_scalar", c.queryScalar()))
	c.WindowSize = f.IntOr("sliding_window", 0)
	f.attnTypes(&c, "layer_types", everyNth(2))
	return c
}

func gemma3Config(f *fields) Config {
	c := gemmaConfig(f)
	c.NormalizationBeforeAndAfter = true
	c.UseQKNorm = true
	c.AttnScoresSoftCap = f.PositiveOr("attn_logit_softcapping", 0)
	c.OutputLogitsSoftCap = f.PositiveOr("final_logit_softcapping", 0)
	c.AttnScale = math.Sqrt(f.PositiveOr("query_pre_attn_scalar", c.queryScalar()))
	c.WindowSize = f.IntOr("sliding_window", 0)
	nth := 0
	if _, listed := f.said("layer_types"); !listed {
		nth = f.Int("sliding_window_pattern")
	}
	f.said("sliding_window_pattern")
	f.attnTypes(&c, "layer_types", everyNth(nth))
	f.ropeByKind(&c, "rope_local_base_freq")
	return c
}

// queryScalar is what scores are scaled by in GGUF files, which do not say it: the width of a head,
// but in the models of 27 billion parameters that of d_model over the heads. A config.json that
// does not say it means the family's default. Source: llama.cpp, src/models/gemma2-iswa.cpp and
// gemma3-iswa.cpp.
func (c Config) queryScalar() float64 {
	const layersOfGemma2At27B, layersOfGemma3At27B = 46, 62
	if c.NLayers == layersOfGemma2At27B || c.NLayers == layersOfGemma3At27B {
		return float64(quotient(c.DModel, c.NHeads))
	}
	return float64(c.DHead)
}

// everyNth is a global layer after n-1 with a window.
func everyNth(n int) func(layer int) AttentionKind {
	return func(l int) AttentionKind {
		if n > 0 && (l+1)%n == 0 {
			return GlobalAttention
		}
		return LocalAttention
	}
}

// ropeByKind reads the rotary settings of Gemma 3 and OLMo 3: one base for global layers, which may be stretched,
// and one for those with a window, in the newer spelling (rope_parameters by kind of layer) or the
// older (rope_scaling of the global layers, and a field of its own for the base of the others).
func (f *fields) ropeByKind(c *Config, localBase string) {
	byKind := orEmpty(f.sub("rope_parameters"))
	global, local := orEmpty(byKind.sub("full_attention")), orEmpty(byKind.sub("sliding_attention"))
	if older := f.sub("rope_scaling"); older != nil {
		global = newFields(joined(global.values, older.values))
	}
	c.RotaryBase = f.ropeNumber(global, "rope_theta", "rope_theta")
	c.RotaryBaseLocal = f.ropeNumber(local, "rope_theta", localBase)
	c.RotaryDim = f.rotaryDim(c, global, "")
	global.ropeScaling(c, f)
	var windowed Config
	local.ropeScaling(&windowed, f)
	if windowed.RotaryScaling != nil {
		f.fail("rotary scaling of the layers with a window is not supported")
	}
	local.want("partial_rotary_factor", 1.0)
	f.adopt("rope_parameters, full_attention", global)
	f.adopt("rope_parameters, sliding_attention", local)
	f.adopt("rope_parameters", byKind)
}

func orEmpty(f *fields) *fields {
	if f == nil {
		return newFields(nil)
	}
	return f
}
