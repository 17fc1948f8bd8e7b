package hooked

import (
	"maps"
	"math"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
)

// Activation names the nonlinearity of an MLP, as TransformerLens does.
type Activation string

// The activation functions.
const (
	ReLU            Activation = "relu"
	ReLU2           Activation = "relu2"             // the square of ReLU
	GELU            Activation = "gelu"              // x Φ(x), with the error function
	GELUNew         Activation = "gelu_new"          // the tanh approximation of GPT-2
	GELUFast        Activation = "gelu_fast"         // the same, in the form of GPT-J
	GELUPytorchTanh Activation = "gelu_pytorch_tanh" // the same, in the form of Gemma
	SiLU            Activation = "silu"              // x σ(x)
	SoLU            Activation = "solu"              // x softmax(x), Elhage et al. 2022
	SoLULN          Activation = "solu_ln"           // the same followed by a layer norm over d_mlp
	QuickGELU       Activation = "quick_gelu"        // x σ(1.702 x)
)

var activations = map[Activation]func(*Node) *Node{
	ReLU:            func(x *Node) *Node { return MaxScalar(x, 0.0) },
	ReLU2:           func(x *Node) *Node { return Square(MaxScalar(x, 0.0)) },
	GELU:            geluErf,
	GELUNew:         geluTanh,
	GELUFast:        geluTanh,
	GELUPytorchTanh: geluTanh,
	SiLU:            func(x *Node) *Node { return Mul(x, Sigmoid(x)) },
	SoLU:            solu,
	SoLULN:          solu,
	QuickGELU:       func(x *Node) *Node { return Mul(x, Sigmoid(MulScalar(x, 1.702))) },
}

// Activations lists the names that a Config may use.
func Activations() []Activation { return slices.Sorted(maps.Keys(activations)) }

func (a Activation) known() bool { return activations[a] != nil }

// hasLN reports whether the MLP has a layer norm after the activation.
func (a Activation) hasLN() bool { return strings.HasSuffix(string(a), "_ln") }

func geluErf(x *Node) *Node {
	return Mul(x, MulScalar(OnePlus(Erf(MulScalar(x, math.Sqrt2/2))), 0.5))
}

// geluTanh is 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), Hendrycks and Gimpel 2016,
// arXiv:1606.08415.
func geluTanh(x *Node) *Node {
	cubic := Add(x, MulScalar(Mul(x, Mul(x, x)), 0.044715))
	return Mul(MulScalar(x, 0.5), OnePlus(Tanh(MulScalar(cubic, math.Sqrt(2/math.Pi)))))
}

func solu(x *Node) *Node { return Mul(x, softmaxAlong(x, -1)) }
