package steer

import (
	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/probe"
	"gopherlens/internal/brief"
)

// FromProbe is a probe's direction towards a class, for the site that it was fitted at. Its length
// is the probe's; [Vector.Unit] has length 1.
func FromProbe(p *probe.Probe, class int) (*Vector, error) {
	direction, err := p.Direction(class)
	if err != nil {
		return nil, brief.Errorf("FromProbe: %w", err)
	}
	if p.Site() == "" {
		return nil, brief.Errorf("FromProbe: the probe does not know the site of its rows: take FromTensor")
	}
	if n := len(direction.Shape()); n != 1 {
		return nil, brief.Errorf("FromProbe: at %s a direction has %d axes: want a site of [batch, pos, d_model]", p.Site(), n)
	}
	return single("FromProbe", p.Site(), direction.Float32s())
}

// FromFeature is the decoder's direction of a feature, for the site that the dictionary gives. A
// strength of 1 adds as much as the feature's activation of 1 does, where the dictionary does not
// rescale its input.
func FromFeature(d *dictionary.Dictionary, feature int) (*Vector, error) {
	switch {
	case d == nil || d.Weights["W_dec"] == nil:
		return nil, brief.Errorf("FromFeature: the dictionary is nil or empty: look at the error of what should have loaded it")
	case d.Config.FlattenHeads:
		return nil, brief.Errorf("FromFeature: the dictionary is of the heads at %s, not of d_model", brief.Text(d.Config.HookOut))
	case feature < 0 || feature >= d.Config.Features:
		return nil, brief.Errorf("FromFeature: there is no feature %d: the dictionary has %d", feature, d.Config.Features)
	}
	var row []float32
	if err := hooked.Try(func() { row = d.Weights["W_dec"].At(feature).Float32s() }); err != nil {
		return nil, brief.Errorf("FromFeature: %w", err)
	}
	return single("FromFeature", d.Config.HookOut, row)
}
