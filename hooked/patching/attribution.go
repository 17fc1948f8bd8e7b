package patching

import (
	"fmt"
	"slices"
	"strings"

	"gopherlens/hooked"
)

// Attribution approximates [Sweep] with two forward passes and one backward pass in place of one
// run for each cell: the difference between source and base times the gradient of the metric in the
// base run, summed over prompts and over all axes that are not named (Nanda 2023, "Attribution
// Patching: Activation Patching At Industrial Scale"). The numbers are the predicted change of the
// metric, where a sweep's are the metric itself; near saturated parts, such as the residual stream
// of early layers, they can be far off. [OnProgress] and [BatchTokens] are for sweeps.
func Attribution(m *hooked.Model, site hooked.Site, over string, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	s, err := newSettings(options)
	if err != nil {
		return nil, err
	}
	if len(s.given) > 0 {
		return nil, fmt.Errorf("attribution patching does not take %s: it is two runs, not a sweep in batches", s.given[0])
	}
	grid, err := attribution(m, site, over, base, source, metric, s)
	if err != nil {
		return nil, fmt.Errorf("attribution patching of %s: %w", site, err)
	}
	return grid, nil
}

func attribution(m *hooked.Model, site hooked.Site, over string, base hooked.Tokens, source any, metric hooked.Metric, s *settings) (*Grid, error) {
	from, err := asSource(source)
	if err != nil {
		return nil, err
	}
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	sites, err := layersOf(m, site)
	if err != nil {
		return nil, err
	}
	options := append(s.runOptions(sites), hooked.Gradients(sites))
	_, cache, grads, err := m.RunWithGradients(base, metric, options...)
	if err != nil {
		return nil, fmt.Errorf("the base run: %w", err)
	}
	find, err := from.activations(m, cache, sites, s)
	if err != nil {
		return nil, err
	}
	sp, err := newSpace(site, over, layerNumbers(sites), cache.Get(sites[0]))
	if err != nil {
		return nil, err
	}
	g := newGrid(sp.names, sp.labels(m, base))
	for i, site := range sites {
		if err := s.ctx.Err(); err != nil {
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
		return nil, fmt.Errorf("the activation is %v in the base run and %v in the source", base, source)
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
