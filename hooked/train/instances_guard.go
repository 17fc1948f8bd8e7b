package train

import (
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"

	"gopherlens/hooked/internal/forward"
)

// guardedInstances is [guarded] for instances: norms and clipping are of each, and all variables
// are left alone in a step in which one of them diverges.
type guardedInstances struct {
	Optimizer
	many *manyFit
}

// UpdateGraph implements GoMLX's optimizer.Interface.
func (o guardedInstances) UpdateGraph(scope *model.Scope, _ *Graph, loss *Node) {
	update(o, scope, loss)
}

// UpdateGraphWithGradients implements GoMLX's train.OptimizeWithGradients.
func (o guardedInstances) UpdateGraphWithGradients(scope *model.Scope, grads []*Node, dtype dtypes.DType) {
	g := grads[0].Graph()
	norms := instanceNorms(grads) // [instance]
	perInstance(o.many.store, normsPath, o.many.n).SetNodeValue(norms)
	if limit := o.many.Clip; limit > 0 {
		factor := MinScalar(Div(MulScalar(OnesLike(norms), limit), AddScalar(norms, 1e-6)), 1.0)
		for i, grad := range grads {
			grads[i] = Mul(grad, alongInstances(factor, grad))
		}
	}
	trained := trainedIn(scope, g)
	before := make([]*Node, len(trained))
	for i, v := range trained {
		before[i] = v.NodeValue(g)
	}
	for name, entries := range o.many.traced.forgotten {
		o.many.forget(o.many.variable(name), entries)
	}
	o.Optimizer.UpdateGraphWithGradients(scope, grads, dtype)
	if err := sizeOf(g, grads).fitsMachine(o.many.Backend, present(o.many.store, g)); err != nil {
		panic(err)
	}
	losses := perInstance(o.many.store, lossesPath, o.many.n).NodeValue(g)
	// the sum of numbers that are not finite is not
	good := And(IsFinite(ReduceAllSum(Abs(losses))), IsFinite(ReduceAllSum(norms)))
	for i, v := range trained {
		v.SetNodeValue(Where(good, v.NodeValue(g), before[i]))
	}
	for name, x := range o.many.traced.state {
		v := o.many.stateVariable(name)
		v.SetNodeValue(Where(good, x, v.NodeValue(g)))
	}
}

// perInstance is a variable that holds a number for each of n instances after a step.
func perInstance(store *model.Store, path string, n int) *model.Variable {
	return store.VariableWithShape(path, shapes.Make(dtypes.Float32, n), initializer.Zero).SetTrainable(false)
}

// instanceNorms is the length of each instance's gradients as one vector, [instance].
func instanceNorms(grads []*Node) *Node {
	var sum *Node
	for _, grad := range grads {
		square := Square(grad)
		if grad.Rank() > 1 {
			square = forward.Sum(Reshape(square, grad.Shape().Dim(0), -1), -1)
		}
		if sum == nil {
			sum = square
		} else {
			sum = Add(sum, square)
		}
	}
	return Sqrt(sum)
}

// alongInstances is x [instance] with axes of size one that fit y [instance, ...].
func alongInstances(x, y *Node) *Node {
	for x.Rank() < y.Rank() {
		x = InsertAxes(x, -1)
	}
	return x
}

// forget clears entries of what the optimizer keeps for a variable. Before the first step there is
// nothing.
func (m *manyFit) forget(v *model.Variable, entries *Node) {
	for kept := range m.store.IterVariables() {
		if kept != v && !kept.Trainable && isMemory(kept.Path(), v.Path()) && kept.Shape().EqualDimensions(v.Shape()) {
			x := kept.NodeValue(entries.Graph())
			kept.SetNodeValue(Where(entries, ZerosLike(x), x))
		}
	}
}

// isMemory reports whether an optimizer keeps something for a variable under this path: in a scope
// called after the variable, as [stateOf] does, or under its name with an ending, as GoMLX's Adam.
func isMemory(path, variable string) bool {
	_, rest, found := strings.Cut(path, variable)
	return found && (strings.HasPrefix(rest, model.ScopeSeparator) || rest == "_1st_moment" || rest == "_2nd_moment")
}
