package dictionary

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// What is folded into the weights: each gives another dictionary that computes the same, or says in
// what it differs.

// FoldDecoderNorms is the dictionary whose decoder directions have norm one: activations grow by
// the norms, and the output stays. SAELens' fold_W_dec_norm. A TopK that does not choose by
// activation times norm would choose other features, and is refused.
func (d *Dictionary) FoldDecoderNorms() (*Dictionary, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	k, c := kinds[d.Config.Kind], d.Config
	if k.hasK() && !c.RescaleByNorm {
		return nil, brief.Errorf("FoldDecoderNorms: a %s without rescale_acts_by_decoder_norm would keep other features afterwards", c.Kind)
	}
	w := d.Weights["W_dec"]
	norms, err := decoderNorms(w)
	if err != nil {
		return nil, err
	}
	out := d.copied("decoder norms folded")
	err = hooked.Try(func() {
		out.Weights["W_dec"] = w.Div(norms)
		out.Weights["W_enc"] = d.Weights["W_enc"].Mul(norms)
		for _, name := range k.scaled {
			out.Weights[name] = d.Weights[name].Mul(norms)
		}
	})
	return out, err
}

// leastNorm stands in for the norm of a direction that is zero, as in SAELens.
const leastNorm = 1e-8

// decoderNorms are the norms of the decoder's directions, [feature].
func decoderNorms(w *hooked.Tensor) (*hooked.Tensor, error) {
	return hooked.Apply("feature", func(w *graph.Node) *graph.Node {
		return graph.MaxScalar(graph.Sqrt(graph.ReduceSum(graph.Mul(w, w), -1)), leastNorm)
	}, w)
}

// NormFactor is the factor by which activations x, [..., d_in] or [..., head, d_head], have a mean
// norm of sqrt(d_in): what a dictionary expects that was trained with expected_average_only_in.
func (d *Dictionary) NormFactor(x *hooked.Tensor) (float64, error) {
	mean, err := d.compute("NormFactor", x, "", func(p Pass, x *graph.Node) *graph.Node {
		return graph.ReduceAllMean(norm(p.Encode(x).Input))
	})
	if err != nil {
		return 0, err
	}
	factor := math.Sqrt(float64(d.Config.DIn)) / float64(mean.Item())
	if !(factor > 0 && factor < math.MaxFloat32) {
		return 0, brief.Errorf("NormFactor: the mean norm of the activations is %v", mean.Item())
	}
	return factor, nil
}

// FoldNormFactor is the dictionary for activations as they are, where d is one for activations
// times the factor. It is for those that expect activations of a mean norm, [AverageOnlyIn];
// SAELens' fold_activation_norm_scaling_factor.
func (d *Dictionary) FoldNormFactor(factor float64) (*Dictionary, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	switch {
	case d.Config.Normalization != AverageOnlyIn:
		return nil, brief.Errorf("FoldNormFactor: the dictionary's normalize_activations is %q: it expects no factor", d.Config.Normalization)
	case !(factor > 0 && factor < math.MaxFloat32):
		return nil, brief.Errorf("FoldNormFactor(%v): want a number above zero", factor)
	}
	out := d.copied(brief.Sprintf("norm factor %.6g folded", factor))
	out.Config.Normalization = NoNormalization
	if d.Config.RescaleByNorm { // the decoder shrinks, and with it activation times norm
		out.Config.Threshold /= factor
	}
	err := hooked.Try(func() {
		out.Weights["W_enc"] = d.Weights["W_enc"].Scale(factor)
		if skip := d.Weights["W_skip"]; skip != nil { // which reads what the encoder reads
			out.Weights["W_skip"] = skip.Scale(factor)
		}
		if d.Config.Transcodes() { // its output was never scaled
			return
		}
		out.Weights["W_dec"] = d.Weights["W_dec"].Scale(1 / factor)
		out.Weights["b_dec"] = d.Weights["b_dec"].Scale(1 / factor)
	})
	return out, err
}

// Inference is the JumpReLU dictionary that a BatchTopK or Matryoshka becomes for use, one
// threshold for all features, as SAELens' save_inference_model has it: so what is active at a
// position no longer depends on other positions. Other kinds are as they are.
func (d *Dictionary) Inference() (*Dictionary, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if !kinds[d.Config.Kind].wholeBatch {
		return d, nil
	}
	out := d
	if d.Config.RescaleByNorm {
		var err error
		if out, err = d.FoldDecoderNorms(); err != nil {
			return nil, err
		}
	}
	out = out.copied("as JumpReLU")
	c := &out.Config
	c.Training = nil
	c.Kind, c.K, c.RescaleByNorm, c.Widths, c.Threshold = JumpReLU, 0, false, nil, 0
	threshold := hooked.NewArray(c.Features)
	for i := range threshold.Data {
		threshold.Data[i] = float32(d.Config.Threshold)
	}
	var err error
	out.Weights["threshold"], err = hooked.NewTensor(threshold, "feature")
	return out, err
}

// copied is the dictionary with a map of weights of its own, to put others into.
func (d *Dictionary) copied(note string) *Dictionary {
	out := *d
	out.Weights = make(map[string]*hooked.Tensor, len(d.Weights))
	for name, w := range d.Weights {
		out.Weights[name] = w
	}
	if out.Source != "" {
		note = out.Source + "; " + note
	}
	out.Source = note
	return &out
}
