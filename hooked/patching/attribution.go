package patching

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gopherlens/hooked"
)

// Attribution approximates [Sweep.Run] with two forward passes and one backward pass in place of
// one run for each cell: the difference between source and base times the gradient of the metric in
// the base run, summed over prompts and over all axes that are not named (Nanda 2023, "Attribution
// Patching: Activation Patching At Industrial Scale"). The numbers are the predicted change of the
// metric, where a sweep's are the metric itself; near saturated parts, such as the residual stream
// of early layers, they can be far off. [OnProgress] and [BatchTokens] are for Run.
func (s Sweep) Attribution(m *hooked.Model, options ...Option) (*Grid, error) {
	return s.in(attributing, m, options)
}

var attributing = way{verb: "attribution patching of", ignores: []string{"OnProgress", "BatchTokens"}, grid: Sweep.attributed}

// attributed computes the grid of one site.
func (s Sweep) attributed(m *hooked.Model, set *settings) (*Grid, error) {
	if err := set.ctx.Err(); err != nil {
		return nil, err
	}
	wanted := sitesToRecord(m, s.Site)
	options := append(set.runOptions(wanted), hooked.Gradients(wanted))
	_, cache, grads, err := m.RunWithGradients(s.Base, s.Metric, options...)
	if err != nil {
		return nil, fmt.Errorf("the base run: %w", err)
	}
	sites, err := layersIn(cache, m, s.Site)
	if err != nil {
		return nil, err
	}
	find, err := s.Source.activations(m, cache, sites, set)
	if err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	sp, err := newSpace(s.Site, s.Over, layerNumbers(sites), cache.Get(sites[0]))
	if err != nil {
		return nil, err
	}
	g := newGrid(sp.names, sp.labels(m, s.Base))
	for i, site := range sites {
		if err := set.ctx.Err(); err != nil {
			return nil, err
		}
		replacement, err := find(site)
		if err != nil {
			return nil, fmt.Errorf("the source: %w", err)
		}
		values, err := sp.linear(cache.Get(site), replacement, grads.Get(site))
		if err != nil {
			return nil, err
		}
		sp.fill(g, i, values)
	}
	return g, nil
}

// linear is the first-order effect of replacing an activation, over the axes that the sweep runs
// over, in their order.
func (sp *space) linear(base, source, grad *hooked.Tensor) (values []float32, err error) {
	if !slices.Equal(base.Shape(), source.Shape()) {
		return nil, fmt.Errorf("the activation is %v in the base run and %v in the source: the prompts must be as many and as long", base.Describe(), source.Describe())
	}
	var kept []string
	for _, axis := range sp.over {
		if axis != layerAxis {
			kept = append(kept, sp.axes[axis])
		}
	}
	all := "batch " + strings.Join(sp.axes, " ")
	err = hooked.Try(func() {
		effect := source.Sub(base).Einsum(fmt.Sprintf("%s, %s -> %s", all, all, strings.Join(kept, " ")), grad)
		values = effect.Float32s()
	})
	if slices.ContainsFunc(values, func(v float32) bool { return math.IsNaN(float64(v)) }) {
		return nil, fmt.Errorf("the effect is no number: base and source differ by infinity less infinity, as scores of masked keys do (hook_pattern has none)")
	}
	return values, err
}

// fill puts one layer's values, over the axes but the layer, into the grid.
func (sp *space) fill(g *Grid, layer int, values []float32) {
	at := slices.Index(sp.over, layerAxis)
	next := 0
	for flat, index := range indexer(g.Shape()) {
		if at < 0 || index[at] == layer {
			g.data[flat] = values[next]
			next++
		}
	}
}
