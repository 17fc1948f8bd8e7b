package circuits_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/internal/golden"
)

func TestRefusedAttributions(t *testing.T) {
	f := openFixture(t, "gpt2_plt", golden.PureGo(t))
	prompt := f.tokens()
	direction := func(values ...float32) *hooked.Tensor { return hooked.Must(f.m.NewTensor(values, "d_model")) }
	whole := make([]float32, f.m.Config().DModel)
	bad := append([]float32{float32(math.NaN())}, whole[1:]...)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	target := func(targets ...circuits.Target) circuits.Options { return circuits.Options{Targets: targets} }
	for name, c := range map[string]struct {
		prompt any
		o      circuits.Options
		want   string
	}{
		"no tokens":          {hooked.Tokens{{}}, circuits.Options{}, "circuits: "},
		"two prompts":        {hooked.Tokens{{0, 5}, {0, 6}}, circuits.Options{}, "2 prompts are given"},
		"no such token":      {prompt, target(circuits.Target{Token: 336}), "token 336 does not exist"},
		"a negative token":   {prompt, target(circuits.Target{Token: -1}), "token -1 does not exist"},
		"a label of a token": {prompt, target(circuits.Target{Token: 1, Label: "x"}), "are for a Direction"},
		"both":               {prompt, target(circuits.Target{Token: 1, Direction: direction(whole...), Weight: 1}), "leave one out"},
		"no weight":          {prompt, target(circuits.Target{Direction: direction(whole...)}), "weight is 0"},
		"a weight of NaN":    {prompt, target(circuits.Target{Direction: direction(whole...), Weight: math.NaN()}), "weight is NaN"},
		"another width":      {prompt, target(circuits.Target{Direction: direction(1, 2), Weight: 1}), "shape [2], want [d_model] = [24]"},
		"a direction of NaN": {prompt, target(circuits.Target{Direction: direction(bad...), Weight: 1}), "entry 0 of its direction is NaN"},
		"two ways to choose": {prompt, circuits.Options{Targets: []circuits.Target{{Token: 1}}, MaxTargets: 3}, "leave one out"},
		"a share above 1":    {prompt, circuits.Options{Probability: 1.5}, "Probability is 1.5"},
		"a share of NaN":     {prompt, circuits.Options{Probability: math.NaN()}, "Probability is NaN"},
		"fewer than none":    {prompt, circuits.Options{MaxFeatures: -1}, "MaxFeatures is -1"},
		"a huge batch":       {prompt, circuits.Options{Batch: 1 << 40}, "Batch is"},
		"an ended context":   {prompt, circuits.Options{Context: stopped}, "canceled"},
	} {
		if _, err := f.r.Attribute(c.prompt, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
	g := f.graph(circuits.Options{MaxFeatures: 3})
	for _, share := range []float64{-0.1, 1.1, math.NaN()} {
		if _, err := g.Prune(share, 0.5); err == nil {
			t.Errorf("nodes are pruned to a share of %v", share)
		}
		if _, err := g.Prune(0.5, share); err == nil {
			t.Errorf("edges are pruned to a share of %v", share)
		}
	}
	if _, err := hooked.Must(g.Prune(0.5, 0.5)).Document(""); err == nil {
		t.Error("a document without a name")
	}
}

func TestRefusedInterventions(t *testing.T) {
	f := openFixture(t, "gpt2_plt", golden.PureGo(t))
	ok := circuits.Clamp{Layer: 1, Pos: 2, Feature: 3, Value: 1}
	one := func(change func(c *circuits.Clamp)) []circuits.Clamp {
		c := ok
		change(&c)
		return []circuits.Clamp{c}
	}
	for name, c := range map[string]struct {
		clamps []circuits.Clamp
		o      circuits.InterveneOptions
		want   string
	}{
		"nothing":           {nil, circuits.InterveneOptions{}, "nothing to clamp"},
		"no such layer":     {one(func(c *circuits.Clamp) { c.Layer = 3 }), circuits.InterveneOptions{}, "layer 3 does not exist"},
		"no such position":  {one(func(c *circuits.Clamp) { c.Pos = 9 }), circuits.InterveneOptions{}, "position 9 does not exist"},
		"no such feature":   {one(func(c *circuits.Clamp) { c.Feature = 40 }), circuits.InterveneOptions{}, "feature 40 does not exist"},
		"the BOS":           {one(func(c *circuits.Clamp) { c.Pos = 0 }), circuits.InterveneOptions{}, "position 0 has no features"},
		"no number":         {one(func(c *circuits.Clamp) { c.Value = math.NaN() }), circuits.InterveneOptions{}, "value is NaN"},
		"twice":             {[]circuits.Clamp{ok, {Layer: -2, Pos: 2, Feature: 3}}, circuits.InterveneOptions{}, "clamped twice"},
		"another freezing":  {[]circuits.Clamp{ok}, circuits.InterveneOptions{Frozen: "half"}, `Frozen is "half"`},
		"layers of nothing": {[]circuits.Clamp{ok}, circuits.InterveneOptions{Layers: []int{1}}, "leave them out"},
		"no such layers":    {[]circuits.Clamp{ok}, circuits.InterveneOptions{Frozen: circuits.FrozenAll, Layers: []int{7}}, "layer 7 does not exist"},
		"no effect":         {[]circuits.Clamp{ok}, circuits.InterveneOptions{Frozen: circuits.FrozenAll, Layers: []int{2}}, "writes to none of the frozen layers [2]"},
	} {
		if _, err := f.r.Intervene(f.tokens(), c.clamps, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
}

// Weights that overflow are told, not drawn.
func TestOverflow(t *testing.T) {
	f := openFixture(t, "gpt2_plt", golden.PureGo(t))
	for _, d := range f.r.Transcoders().Layers {
		d.Weights["W_enc"] = d.Weights["W_enc"].Scale(1e30)
	}
	if _, err := f.r.Attribute(f.tokens()); err == nil || !strings.Contains(err.Error(), "an effect is") {
		t.Error(err)
	}
}
