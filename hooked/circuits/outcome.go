package circuits

import (
	"errors"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
)

// An Outcome is what an intervention leads to.
type Outcome struct {
	Logits *hooked.Tensor // [d_vocab] at the last position
	Clean  *hooked.Tensor // the same without the intervention

	r            *Replacement
	cache, clean *hooked.Cache
	zero         int
}

var errNoOutcome = errors.New("circuits: there is no outcome: look at the error of the Intervene that should have made it")

// Activations are those of a layer's features under the intervention, [pos, feature], of the
// clamped ones what they would be. A negative layer counts from the end.
func (o *Outcome) Activations(layer int) (*hooked.Tensor, error) {
	return o.features(layer, func(e *dictionary.Encoded) *graph.Node { return e.Acts })
}

// Preactivations are those of a layer's features under the intervention, [pos, feature], before the
// activation function.
func (o *Outcome) Preactivations(layer int) (*hooked.Tensor, error) {
	return o.features(layer, func(e *dictionary.Encoded) *graph.Node { return e.Pre })
}

// Changes are those of [Outcome.Preactivations] by the intervention: what the edges of a graph
// predict.
func (o *Outcome) Changes(layer int) (*hooked.Tensor, error) {
	after, err := o.Preactivations(layer)
	if err != nil {
		return nil, err
	}
	without := *o
	without.cache = o.clean
	before, err := without.Preactivations(layer)
	if err != nil {
		return nil, err
	}
	var change *hooked.Tensor
	err = hooked.Try(func() { change = after.Sub(before) })
	return change, err
}

func (o *Outcome) features(layer int, of func(*dictionary.Encoded) *graph.Node) (*hooked.Tensor, error) {
	if o == nil || o.r == nil {
		return nil, errNoOutcome
	}
	l, err := resolved("layer", layer, len(o.r.in))
	if err != nil {
		return nil, err
	}
	x, err := o.cache.Lookup(o.r.in[l])
	if err != nil {
		return nil, err
	}
	d := o.r.set.Layers[l]
	return hooked.Apply("pos feature", func(in []*graph.Node) *graph.Node {
		acts := of(pass(d.Config, in[1:]).Encode(in[0]))
		dims := acts.Shape().Dimensions // [1, pos, feature]
		acts = graph.Reshape(acts, dims[1], dims[2])
		at := graph.Iota(acts.Graph(), shapes.Make(dtypes.Int32, dims[1], dims[2]), 0)
		counts := graph.GreaterOrEqual(at, graph.Scalar(acts.Graph(), dtypes.Int32, o.zero))
		return graph.Where(counts, acts, graph.ZerosLike(acts))
	}, append([]*hooked.Tensor{x}, weightsOf(d)...)...)
}
