package fit

import (
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
)

// dictionary makes of variables [1, ...] and state a dictionary that is ready for use.
func (f *fitting) dictionary(variables map[string]*hooked.Array, state map[string]*tensors.Tensor) (*dictionary.Dictionary, error) {
	c := f.Dictionary
	weights := make(hooked.StateDict)
	for name, shape := range f.trained.WeightShapes() {
		weights[name] = &hooked.Array{Shape: shape, Data: variables[name].Data}
	}
	if w := weights["threshold"]; w != nil { // as the next step would have it
		for i, v := range w.Data {
			w.Data[i] = max(v, 0)
		}
	}
	if t := state[thresholdState]; t != nil {
		c.Threshold = tensors.ToScalar[float64](t)
	}
	if f.Objective.Mode == LargestOfBatch {
		c = f.jumps(c, weights)
	}
	d, err := dictionary.New(c, weights)
	if err != nil {
		return nil, err
	}
	if c.Normalization == dictionary.AverageOnlyIn {
		if d, err = d.FoldNormFactor(tensors.ToScalar[float64](state[factorState])); err != nil {
			return nil, err
		}
	}
	if c.Kind == dictionary.TopK && !c.RescaleByNorm { // it would choose other features
		return d, nil
	}
	if (c.Kind == dictionary.BatchTopK || c.Kind == dictionary.Matryoshka) && !c.RescaleByNorm {
		return d, nil
	}
	return d.FoldDecoderNorms()
}

// jumps makes of weights that were trained as a BatchTopK's those of a JumpReLU: the threshold is
// in units of activation times norm.
func (f *fitting) jumps(c dictionary.Config, weights hooked.StateDict) dictionary.Config {
	threshold := hooked.NewArray(c.Features)
	dec := weights["W_dec"]
	for i := range threshold.Data {
		threshold.Data[i] = float32(c.Threshold / distance(dec.Data[i*c.DOut:(i+1)*c.DOut], make([]float64, c.DOut)))
	}
	weights["threshold"] = threshold
	c.Threshold = 0
	return c
}
