package train

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	mltrain "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked/internal/forward"
)

// A guarded optimizer clips the gradients, notes their norm, and leaves the weights alone in a step
// whose loss or gradient is not a number: what a training that diverged leaves are its last good
// weights.
type guarded struct {
	Optimizer
	clip float64
	fits func(g *Graph, size stepSize) error // panics otherwise, before anything is compiled
}

// normPath is the variable that holds the norm of the last step's gradients.
const normPath = "/train/gradient_norm"

// UpdateGraph implements GoMLX's optimizer.Interface.
func (o guarded) UpdateGraph(scope *model.Scope, _ *Graph, loss *Node) { update(o, scope, loss) }

// UpdateGraphWithGradients implements GoMLX's train.OptimizeWithGradients.
func (o guarded) UpdateGraphWithGradients(scope *model.Scope, grads []*Node, dtype dtypes.DType) {
	if len(grads) == 0 {
		exceptions.Panicf("the loss depends on none of the weights that are trained")
	}
	g := grads[0].Graph()
	norm := globalNorm(grads)
	normVariable(scope.Store()).SetNodeValue(norm)
	if o.clip > 0 {
		grads = clipped(grads, norm, o.clip)
	}
	trained := trainedIn(scope, g)
	before := make([]*Node, len(trained))
	for i, v := range trained {
		before[i] = v.NodeValue(g)
	}
	o.Optimizer.UpdateGraphWithGradients(scope, grads, dtype)
	if err := o.fits(g, sizeOf(g, grads)); err != nil {
		panic(err)
	}
	good := And(IsFinite(mltrain.TotalLoss(g)), IsFinite(norm))
	for i, v := range trained {
		v.SetNodeValue(Where(good, v.NodeValue(g), before[i]))
	}
}

func normVariable(store *model.Store) *model.Variable {
	return store.VariableWithShape(normPath, shapes.Make(dtypes.Float32), initializer.Zero).SetTrainable(false)
}

// globalNorm is the length of all gradients as one vector.
func globalNorm(grads []*Node) *Node {
	var sum *Node
	for _, grad := range grads {
		square := forward.Sum(Square(grad))
		if sum == nil {
			sum = square
		} else {
			sum = Add(sum, square)
		}
	}
	return Sqrt(sum)
}

// clipped are gradients whose norm is at most limit: PyTorch's clip_grad_norm_, with its 1e-6.
func clipped(grads []*Node, norm *Node, limit float64) []*Node {
	factor := MinScalar(Div(Scalar(norm.Graph(), norm.DType(), limit), AddScalar(norm, 1e-6)), 1.0)
	out := make([]*Node, len(grads))
	for i, grad := range grads {
		out[i] = Mul(grad, factor)
	}
	return out
}
