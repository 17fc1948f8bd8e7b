package circuits

import (
	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/brief"
)

// Neurons are the neurons of a model with ReLU MLPs as transcoders: one feature for each neuron,
// which reads W_in and writes W_out. They lack nothing, so that graphs of them have no errors, and
// many features. Models with other activation functions, or with gates, are refused: no linear
// encoder has their neurons.
func Neurons(model *hooked.Model) (*Transcoders, error) {
	var c hooked.Config
	if err := hooked.Try(func() { c = model.Config() }); err != nil {
		return nil, err
	}
	switch {
	case c.NLayers == 0 || c.AttnOnly:
		return nil, brief.Errorf("circuits: Neurons: the model has no MLPs")
	case c.ActFn != hooked.ReLU || c.GatedMLP:
		return nil, brief.Errorf("circuits: Neurons: the neurons of the model are %s, gated: %v; want relu without a gate", c.ActFn, c.GatedMLP)
	case c.NormalizesOutputs() || c.NormAfterSum:
		return nil, brief.Errorf("circuits: Neurons: a norm follows the model's MLPs")
	}
	var layers []*dictionary.Dictionary
	for l := range c.NLayers {
		d, err := neuronsOf(model, c, l)
		if err != nil {
			return nil, brief.Errorf("circuits: Neurons: layer %d: %w", l, err)
		}
		layers = append(layers, d)
	}
	t, err := PerLayer(layers...)
	if err == nil {
		t.Source = "the model's own neurons"
	}
	return t, err
}

// neuronNames are the names of an MLP's weights, by those of a transcoder's.
var neuronNames = map[string]string{"W_enc": "W_in", "b_enc": "b_in", "W_dec": "W_out", "b_dec": "b_out"}

func neuronsOf(model *hooked.Model, c hooked.Config, l int) (*dictionary.Dictionary, error) {
	named := make(hooked.StateDict)
	for ours, theirs := range neuronNames {
		w, err := model.Weight(at(l, "mlp."+theirs))
		if err != nil {
			return nil, err
		}
		if named[ours], err = arrayOf(w); err != nil {
			return nil, err
		}
	}
	return dictionary.New(dictionary.Config{Kind: dictionary.Transcoder, DIn: c.DModel, DOut: c.DModel, Features: c.DMLP,
		Normalization: dictionary.NoNormalization, Hook: at(l, "mlp.hook_in"), HookOut: at(l, "hook_mlp_out"), Model: c.ModelName}, named)
}
