package hooked

import (
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/devices"
)

// This file says which axes are cut where a model spreads over several devices. XLA's partitioner
// does the rest: it is told how the inputs and the results of a program lie, and cuts what is
// between.

// axisKinds are the axes that are cut, by their names.
var axisKinds = map[string]devices.Axis{
	"batch": devices.Batch, "row": devices.Batch,
	"head": devices.Weights, "kv_head": devices.Weights, "d_mlp": devices.Weights, "d_expert": devices.Weights,
	"d_head":  devices.Weights, // where the heads before it cannot be
	"d_vocab": devices.Weights, "d_vocab_out": devices.Weights,
}

func kindsOf(axes []string) []devices.Axis {
	kinds := make([]devices.Axis, len(axes))
	for i, name := range axes {
		kinds[i] = axisKinds[name]
	}
	return kinds
}

// inputAxes are the axes of graph inputs as far as they are cut. Those whose names hold a number
// stand in [builder.axesOfInput]; run-time values of edits lie whole on each device.
var inputAxes = map[string][]string{
	inputTokens: {"batch"}, inputResidual: {"batch"}, inputMask: {"batch"}, inputLogitsAt: {"batch"}, inputTokenTypes: {"batch"},
	inputRows: {"batch"}, inputSource: {"batch"}, inputSourceMask: {"batch"}, inputBaseK: {"", "", "kv_head", "d_head"}, inputBaseV: {"", "", "kv_head", "d_head"},
}

// axesOfInput are the axes of a graph input.
func (b *builder) axesOfInput(name string) []string {
	switch axes, known := inputAxes[name]; {
	case known:
		return axes
	case b.shapes[name] != nil:
		return b.cfg.axesOnDevice(name, b.specs[name].shape)
	case strings.Contains(name, ".kv."):
		return []string{"batch", "key", "kv_head", "d_head"}
	case strings.HasPrefix(name, "alibi."):
		return []string{"key", "head"}
	}
	return nil
}

// axesOnDevice are the axes of a weight in its device layout.
func (c Config) axesOnDevice(name string, shape []int) []string {
	axes := c.axesOf(name, shape)
	if readsResidual(name) {
		axes = []string{axes[1], axes[0], axes[2]}
	}
	return axes
}

// graphBackend is the backend of graphs that read a batch of so many prompts.
func (e *engine) graphBackend(batch int) watchedBackend {
	if d, ok := e.backend.(*devices.Backend); ok {
		if spread := d.Spread(batch); spread != nil {
			return watchedBackend{Backend: spread}
		}
	}
	return watchedBackend{Backend: e.backend}
}

// spreadOf is how a graph's program spreads over devices; nil if it does not.
func spreadOf(g *Graph) *devices.Spread {
	w, ok := g.Backend().(watchedBackend)
	if !ok {
		return nil
	}
	spread, _ := w.Backend.(*devices.Spread)
	return spread
}

// cutsBatch reports whether a batch of so many prompts is cut over devices.
func (e *engine) cutsBatch(batch int) bool {
	d, ok := e.backend.(*devices.Backend)
	if !ok {
		return false
	}
	spread := d.Spread(batch)
	return spread != nil && spread.Grid().Batch > 1
}

// placeResults says how the program's results lie.
func (p *program) placeResults() {
	spread := spreadOf(p.graph)
	if spread == nil {
		return
	}
	axes := make([][]devices.Axis, len(p.nodes))
	for _, r := range p.results {
		if r.slot != inputSlot {
			axes[r.slot] = kindsOf(r.axes)
		}
	}
	spread.Results(axes)
}
