package hooked

import (
	"encoding/json"
	"reflect"
	"slices"
)

// lensLacks are the activation functions that TransformerLens 2 has not.
var lensLacks = []Activation{ReLU2, QuickGELU}

// nativeFields are the configuration in TransformerLens' words: the fields that [nativeConfig]
// reads.
func (c Config) nativeFields() map[string]any {
	fields := map[string]any{
		"n_layers": c.NLayers, "d_model": c.DModel, "n_ctx": c.NCtx, "d_head": c.DHead, "n_heads": c.NHeads,
		"d_vocab": c.DVocab, "d_vocab_out": c.DVocabOut, "eps": c.Eps, "final_rms": c.FinalRMS,
		"use_normalization_before_and_after": c.NormalizationBeforeAndAfter, "post_embedding_ln": c.PostEmbeddingLN,
		"scale_attn_by_inverse_layer_idx": c.ScaleAttnByInverseLayerIdx, "attention_dir": c.AttentionDir, "attn_only": c.AttnOnly,
		"attn_scale": c.AttnScale, "use_attn_scale": true, "attn_scores_soft_cap": orMinusOne(c.AttnScoresSoftCap),
		"output_logits_soft_cap": orMinusOne(c.OutputLogitsSoftCap), "use_qk_norm": c.UseQKNorm, "parallel_attn_mlp": c.ParallelAttnMLP,
		"gated_mlp": c.GatedMLP, "positional_embedding_type": c.PositionalEmbedding, "default_prepend_bos": c.DefaultPrependBOS,
		"init_mode": c.InitMode, "initializer_range": c.InitializerRange, "model_name": c.ModelName, "init_weights": false,
	}
	if c.Normalization != NoNorm {
		fields["normalization_type"] = c.Normalization
	} else {
		fields["normalization_type"] = nil
	}
	if c.groupSize() > 1 {
		fields["n_key_value_heads"] = c.NKeyValueHeads
	}
	if !c.AttnOnly {
		fields["d_mlp"], fields["act_fn"] = c.DMLP, c.ActFn
	}
	if len(c.AttnTypes) > 0 {
		fields["use_local_attn"], fields["window_size"], fields["attn_types"] = true, c.WindowSize, c.AttnTypes
	}
	if c.PositionalEmbedding == RotaryPositions {
		// not rotary_base_local, which the loaders of TransformerLens 2 and 4 refuse
		fields["rotary_dim"], fields["rotary_base"], fields["rotary_adjacent_pairs"] = c.RotaryDim, c.RotaryBase, c.RotaryAdjacentPairs
	}
	if s := c.RotaryScaling; s != nil && s.Kind == Llama3Rope {
		fields["use_NTK_by_parts_rope"], fields["NTK_by_parts_factor"] = true, s.Factor
		fields["NTK_by_parts_low_freq_factor"], fields["NTK_by_parts_high_freq_factor"] = s.LowFreqFactor, s.HighFreqFactor
		fields["NTK_original_ctx_len"] = s.OriginalContext
	}
	return fields
}

// orMinusOne is TransformerLens' way to say that there is no soft cap.
func orMinusOne(v float64) float64 {
	if v == 0 {
		return -1
	}
	return v
}

// nativeJSON is the configuration as TransformerLens writes it out; nil if it cannot say all that
// the model is, as of most kinds of rotary scaling. Whether it can is tried: what is read of it
// must be the configuration.
func (c Config) nativeJSON() ([]byte, error) {
	if !c.AttnOnly && slices.Contains(lensLacks, c.ActFn) {
		return nil, nil
	}
	text, err := json.MarshalIndent(c.nativeFields(), "", " ")
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	f := newFields(values)
	f.BoolOr("default_prepend_bos", true) // read elsewhere
	read := nativeConfig(f).withDefaults()
	if f.err(nativeIgnored) != nil || !reflect.DeepEqual(read.comparable(), c.comparable()) {
		return nil, nil
	}
	return text, nil
}

// comparable is the configuration without what is not the model's: names, and how it began.
func (c Config) comparable() Config {
	c.ModelName, c.Architecture, c.DType, c.Seed = "", "", "", 0
	c.InitMode, c.InitializerRange, c.DefaultPrependBOS = "", 0, false
	if len(c.RotaryFactors) == 0 {
		c.RotaryFactors = nil
	}
	return c
}
