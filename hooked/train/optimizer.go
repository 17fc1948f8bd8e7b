package train

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	mltrain "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gopherlens/internal/brief"
)

// An Optimizer is a GoMLX optimizer that takes gradients: one of [SGD], [Adam] and [AdamW], or any
// other. The learning rate is [Config.LearningRate], which the optimizer finds in GoMLX's
// variable for it.
type Optimizer interface {
	optimizer.Interface
	mltrain.OptimizeWithGradients
}

// SGD is stochastic gradient descent as PyTorch's SGD computes it: the momentum's buffer begins as
// the first gradient, without dampening, and Nesterov's step is g + momentum * buffer.
type SGD struct {
	Momentum float64 // 0 for none
	Nesterov bool
	// times the weight is added to the gradient before the momentum: PyTorch's weight_decay
	L2 float64
}

// Adam is Kingma and Ba 2014 (arXiv:1412.6980) as PyTorch's Adam computes it: eps stands outside
// the square root, after the correction of the bias.
type Adam struct {
	Betas [2]float64 // of the first and second moment; (0.9, 0.999) if both are 0
	Eps   float64    // 1e-8 if 0
	L2    float64    // times the weight is added to the gradient: PyTorch's weight_decay of Adam
}

// AdamW is Loshchilov and Hutter 2019 (arXiv:1711.05101) as PyTorch's AdamW computes it: all
// trained weights shrink by learning rate * Decay in each step, biases, norms and embeddings too.
type AdamW struct {
	Betas [2]float64 // of the first and second moment; (0.9, 0.999) if both are 0
	Eps   float64    // 1e-8 if 0
	Decay float64    // PyTorch's default is 0.01; 0 is none
}

// UpdateGraph implements GoMLX's optimizer.Interface.
func (o SGD) UpdateGraph(scope *model.Scope, _ *Graph, loss *Node) { update(o, scope, loss) }

// UpdateGraph implements GoMLX's optimizer.Interface.
func (o Adam) UpdateGraph(scope *model.Scope, _ *Graph, loss *Node) { update(o, scope, loss) }

// UpdateGraph implements GoMLX's optimizer.Interface.
func (o AdamW) UpdateGraph(scope *model.Scope, _ *Graph, loss *Node) { update(o, scope, loss) }

// update is UpdateGraph of an optimizer that takes gradients.
func update(o mltrain.OptimizeWithGradients, scope *model.Scope, loss *Node) {
	o.UpdateGraphWithGradients(scope, scope.BuildTrainableVariablesGradientsGraph(loss), loss.DType())
}

// sgdScope is where the momentum's buffers lie.
const sgdScope = "sgd"

// UpdateGraphWithGradients implements GoMLX's train.OptimizeWithGradients.
func (o SGD) UpdateGraphWithGradients(scope *model.Scope, grads []*Node, dtype dtypes.DType) {
	grads = withL2(scope, grads, o.L2)
	if o.Momentum > 0 {
		grads = eachGradient(scope, grads, func(v *model.Variable, grad *Node) *Node { return o.pushed(scope.Store(), v, grad) })
	}
	optimizer.StochasticGradientDescent().WithDecay(false).UpdateGraphWithGradients(scope, grads, dtype)
}

// pushed is a gradient with its momentum.
func (o SGD) pushed(store *model.Store, v *model.Variable, grad *Node) *Node {
	buffer := stateOf(store, v, sgdScope, "momentum")
	moved := Add(MulScalar(buffer.NodeValue(grad.Graph()), o.Momentum), grad)
	buffer.SetNodeValue(moved)
	if o.Nesterov {
		return Add(grad, MulScalar(moved, o.Momentum))
	}
	return moved
}

// UpdateGraphWithGradients implements GoMLX's train.OptimizeWithGradients.
func (o Adam) UpdateGraphWithGradients(scope *model.Scope, grads []*Node, dtype dtypes.DType) {
	adam(o.Betas, o.Eps, 0).UpdateGraphWithGradients(scope, withL2(scope, grads, o.L2), dtype)
}

// UpdateGraphWithGradients implements GoMLX's train.OptimizeWithGradients.
func (o AdamW) UpdateGraphWithGradients(scope *model.Scope, grads []*Node, dtype dtypes.DType) {
	adam(o.Betas, o.Eps, o.Decay).UpdateGraphWithGradients(scope, grads, dtype)
}

// adam is GoMLX's, which equals PyTorch's given its betas and eps.
func adam(betas [2]float64, eps, decay float64) mltrain.OptimizeWithGradients {
	if betas == [2]float64{} {
		betas = [2]float64{0.9, 0.999}
	}
	if eps == 0 {
		eps = 1e-8
	}
	return optimizer.Adam().Betas(betas[0], betas[1]).Epsilon(eps).WeightDecay(decay).Done().(mltrain.OptimizeWithGradients)
}

// Clear implements GoMLX's optimizer.Interface.
func (o SGD) Clear(scope *model.Scope) error { return scope.At(sgdScope).DeleteVariablesInScope() }

// Clear implements GoMLX's optimizer.Interface.
func (o Adam) Clear(scope *model.Scope) error { return optimizer.Adam().Done().Clear(scope) }

// Clear implements GoMLX's optimizer.Interface.
func (o AdamW) Clear(scope *model.Scope) error { return optimizer.Adam().Done().Clear(scope) }

// withL2 are gradients of the loss plus half the squares of the weights times k.
func withL2(scope *model.Scope, grads []*Node, k float64) []*Node {
	if k == 0 {
		return grads
	}
	return eachGradient(scope, grads, func(v *model.Variable, grad *Node) *Node {
		return Add(grad, MulScalar(v.NodeValue(grad.Graph()), k))
	})
}

// eachGradient changes the gradient of each trained variable.
func eachGradient(scope *model.Scope, grads []*Node, change func(v *model.Variable, grad *Node) *Node) []*Node {
	if len(grads) == 0 {
		return nil
	}
	var out []*Node
	for _, v := range trainedIn(scope, grads[0].Graph()) {
		out = append(out, change(v, grads[len(out)]))
	}
	return out
}

// trainedIn are the variables that a graph trains, in the order of their gradients.
func trainedIn(scope *model.Scope, g *Graph) []*model.Variable {
	var trained []*model.Variable
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) {
			trained = append(trained, v)
		}
	}
	return trained
}

// stateOf is a variable of the optimizer's for each trained one, zero at first.
func stateOf(store *model.Store, v *model.Variable, scope, name string) *model.Variable {
	return store.Scope(model.JoinPath(model.ScopeSeparator+scope, v.Path())).
		WithInitializer(initializer.Zero).VariableWithShape(name, v.Shape()).SetTrainable(false)
}

// An optimizerCheck reports settings that make no step.
type optimizerCheck interface{ check() error }

func (o SGD) check() error {
	if o.Nesterov && o.Momentum == 0 {
		return brief.Errorf("SGD: Nesterov would do nothing without Momentum")
	}
	return inRange(setting{"SGD.Momentum", o.Momentum, 1}, setting{"SGD.L2", o.L2, math.Inf(1)})
}

func (o Adam) check() error {
	return inRange(append(betaSettings("Adam", o.Betas, o.Eps), setting{"Adam.L2", o.L2, math.Inf(1)})...)
}

func (o AdamW) check() error {
	return inRange(append(betaSettings("AdamW", o.Betas, o.Eps), setting{"AdamW.Decay", o.Decay, math.Inf(1)})...)
}

// A setting must be at least 0 and less than the bound.
type setting struct {
	name         string
	value, below float64
}

func betaSettings(name string, betas [2]float64, eps float64) []setting {
	return []setting{{name + ".Betas[0]", betas[0], 1}, {name + ".Betas[1]", betas[1], 1}, {name + ".Eps", eps, math.Inf(1)}}
}

func inRange(settings ...setting) error {
	for _, s := range settings {
		if !(s.value >= 0 && s.value < s.below) {
			return brief.Errorf("%s is %v: want 0 or more, and less than %v", s.name, s.value, s.below)
		}
	}
	return nil
}
