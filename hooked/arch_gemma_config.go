package hooked

import (
	"cmp"
	"maps"
	"math"
)

// gemmaConfig reads the fields that all Gemmas share. Whatever the file says of gelu, the models were trained with the
// tanh approximation.
func gemmaConfig(f *fields) Config {
	c := Config{
		NLayers:             f.Int("num_hidden_layers"),
		DModel:              f.Int("hidden_size"),
		NCtx:                f.Int("max_position_embeddings"),
		NHeads:              f.Int("num_attention_heads"),
		NKeyValueHeads:      f.IntOr("num_key_value_heads", 0),
		DHead:               f.Int("head_dim"),
		DMLP:                f.Int("intermediate_size"),
		DVocab:              f.Int("vocab_size"),
		Eps:                 f.Float("rms_norm_eps"),
		ActFn:               GELUPytorchTanh,
		Normalization:       RMS,
		PositionalEmbedding: RotaryPositions,
		GatedMLP:            true,
	}
	f.want("hidden_act", "gelu", "gelu_pytorch_tanh")
	f.want("hidden_activation", "gelu_pytorch_tanh")
	f.want("use_bidirectional_attention", false)
	f.Bool("attention_bias") // the weights say whether there are biases
	return c
}

func gemma1Config(f *fields) Config {
	c := gemmaConfig(f)
	f.rope(&c)
	return c
}

func gemma2Config(f *fields) Config {
	c := gemma1Config(f)
	c.NormalizationBeforeAndAfter = true
	c.AttnScoresSoftCap = f.FloatOr("attn_logit_softcapping", 0)
	c.OutputLogitsSoftCap = f.FloatOr("final_logit_softcapping", 0)
	c.AttnScale = math.Sqrt(f.FloatOr("query_pre_attn_scalar", c.queryScalar()))
	c.WindowSize = f.IntOr("sliding_window", 4096)
	f.attnTypes(&c, "layer_types", everyNth(2))
	return c
}

func gemma3Config(f *fields) Config {
	c := gemmaConfig(f)
	c.NormalizationBeforeAndAfter = true
	c.UseQKNorm = true
	c.AttnScoresSoftCap = f.FloatOr("attn_logit_softcapping", 0)
	c.OutputLogitsSoftCap = f.FloatOr("final_logit_softcapping", 0)
	c.AttnScale = math.Sqrt(f.FloatOr("query_pre_attn_scalar", c.queryScalar()))
	c.WindowSize = f.IntOr("sliding_window", 4096)
	f.attnTypes(&c, "layer_types", everyNth(f.IntOr("sliding_window_pattern", 6)))
	f.ropeByKind(&c)
	return c
}

// queryScalar is what scores are scaled by where the file does not say, as GGUF does not: the width of a head, but in
// the models of 27 billion parameters that of d_model over the heads.
// Source: llama.cpp, src/models/gemma2-iswa.cpp and gemma3-iswa.cpp.
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

// ropeByKind reads Gemma 3's rotary settings: one base for global layers, which may be stretched, and one for those with
// a window, in the newer spelling (rope_parameters by kind of layer) or the older (rope_local_base_freq).
func (f *fields) ropeByKind(c *Config) {
	const globalBase, localBase = 1e6, 1e4
	c.RotaryBase = f.FloatOr("rope_theta", cmp.Or(c.RotaryBase, globalBase))
	c.RotaryBaseLocal = f.FloatOr("rope_local_base_freq", localBase)
	if scaling := f.sub("rope_scaling"); scaling != nil {
		scaling.ropeScaling(c)
		f.adopt("rope_scaling", scaling)
	}
	byKind := f.sub("rope_parameters")
	if byKind == nil {
		return
	}
	if global := byKind.sub("full_attention"); global != nil {
		global.ropeScaling(c)
		byKind.adopt("full_attention", global)
	}
	if local := byKind.sub("sliding_attention"); local != nil {
		var windowed Config
		local.ropeScaling(&windowed)
		if windowed.RotaryLinearFactor != 0 || windowed.RotaryScaling != nil {
			f.fail("rotary scaling of the layers with a window is not supported")
		}
		c.RotaryBaseLocal = cmp.Or(windowed.RotaryBase, localBase)
		byKind.adopt("sliding_attention", local)
	}
	f.adopt("rope_parameters", byKind)
}

// ggufKeysWith are Llama's metadata and some more.
func ggufKeysWith(more map[string]string) map[string]string {
	keys := maps.Clone(llamaGGUFKeys)
	maps.Copy(keys, more)
	return keys
}
