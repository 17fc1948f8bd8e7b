package hooked

import (
	"maps"
	"path"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// GradientsOfWeights asks a run with gradients for those with respect to weights: canonical names
// or globs, such as "blocks.0.attn.W_Q" or "blocks.*.mlp.*". [Cache.WeightGradients] of the
// gradients holds them. Such a run records and differentiates activations only where [Names] and
// [Gradients] name them.
func GradientsOfWeights(names ...string) Option {
	return option("GradientsOfWeights", func(r *request) error {
		if len(names) == 0 {
			return brief.Errorf("GradientsOfWeights needs at least one name or glob")
		}
		r.weightGrads = append(r.weightGrads, names...)
		return nil
	})
}

// WeightGradients are the gradients with respect to weights that a run was asked for by
// [GradientsOfWeights], by canonical name and in TransformerLens' shapes; biases that the family
// does not have count as zeros and have gradients too.
func (c *Cache) WeightGradients() map[string]*Tensor { return maps.Clone(c.need().weights) }

func (c *Cache) addWeight(name string, t *Tensor) {
	if c.weights == nil {
		c.weights = make(map[string]*Tensor)
	}
	c.weights[name] = t
}

// setWeightGrads finds the weights that the run's patterns mean.
func (r *run) setWeightGrads() error {
	if len(r.req.weightGrads) == 0 {
		return nil
	}
	known := slices.Sorted(maps.Keys(r.m.weights.specs))
	for _, pattern := range r.req.weightGrads {
		n := len(r.plan.weightGrads)
		for _, name := range known {
			if ok, err := path.Match(pattern, name); err != nil {
				return brief.Errorf("GradientsOfWeights: %q: %w", pattern, err)
			} else if ok && !slices.Contains(r.plan.weightGrads, name) {
				r.plan.weightGrads = append(r.plan.weightGrads, name)
			}
		}
		if len(r.plan.weightGrads) == n {
			return brief.Errorf("GradientsOfWeights: %q matches no weight of the model%s", pattern, nearest.Hint(pattern, known))
		}
	}
	return nil
}

// missingBias stands for a bias that the family does not have: nothing, or zeros if the run wants
// its gradient.
func (b *builder) missingBias(name string) *Node {
	if !slices.Contains(b.plan.weightGrads, name) {
		return nil
	}
	if b.byName[name] == nil {
		b.byName[name] = Zeros(b.g, shapes.Make(dtypes.Float32, b.specs[name].shape...))
	}
	return b.byName[name]
}

// nameGradients lists the run's scalar and its gradients.
func (b *builder) nameGradients(add func(result, *Node)) {
	if len(b.plan.grads)+len(b.plan.weightGrads)+len(b.differentiatedTaps()) == 0 && b.plan.metric == nil {
		return
	}
	scalar := b.loss
	if b.plan.metric != nil {
		scalar = b.plan.metric.apply(b, b.logits)
		add(result{kind: scalarResult}, scalar)
	}
	nodes, results := b.differentiated()
	if len(nodes) == 0 {
		return
	}
	for i, grad := range Gradient(scalar, nodes...) {
		if results[i].kind == weightGradResult && readsResidual(results[i].name) {
			grad = TransposeAllAxes(grad, 1, 0, 2) // from the layout on the device
		}
		add(results[i], grad)
	}
}

// differentiated are the nodes whose gradients the run wants, and the results that the gradients
// become.
func (b *builder) differentiated() (nodes []*Node, results []result) {
	for _, s := range slices.Concat(b.plan.grads, b.differentiatedTaps()) {
		tap := b.tapAt(s)
		nodes = append(nodes, tap.node)
		results = append(results, result{site: s, kind: gradResult, axes: tap.axes})
	}
	for _, name := range b.plan.weightGrads {
		node := b.byName[name]
		if node == nil {
			exceptions.Panicf("the run never reads weight %q, so it has no gradient", name)
		}
		nodes = append(nodes, node)
		results = append(results, result{name: name, kind: weightGradResult, axes: b.cfg.axesOf(name, b.specs[name].shape)})
	}
	return nodes, results
}
