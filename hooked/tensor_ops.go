package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Add is t + other, entry by entry. Axes are matched by name, whatever their order; where other has
// none of t's names, from the last, as in PyTorch. Either may lack axes, or have a single entry
// along one, and is repeated there. Whole numbers beside floats become floats.
func (t *Tensor) Add(other *Tensor) *Tensor { return t.arithmetic("add", other, Add) }

// Sub is t - other, entry by entry; see [Tensor.Add].
func (t *Tensor) Sub(other *Tensor) *Tensor { return t.arithmetic("sub", other, Sub) }

// Mul is t * other, entry by entry; see [Tensor.Add].
func (t *Tensor) Mul(other *Tensor) *Tensor { return t.arithmetic("mul", other, Mul) }

// Div is t / other, entry by entry; see [Tensor.Add]. Quotients of whole numbers are floats.
func (t *Tensor) Div(other *Tensor) *Tensor { return t.floats().arithmetic("div", other, Div) }

// Scale is t times a number.
func (t *Tensor) Scale(factor float64) *Tensor { return t.Mul(t.number(factor)) }

// Shift is t plus a number.
func (t *Tensor) Shift(amount float64) *Tensor { return t.Add(t.number(amount)) }

// arithmetic combines two tensors entry by entry, truth values as 0 and 1.
func (t *Tensor) arithmetic(key string, other *Tensor, f func(a, b *Node) *Node) *Tensor {
	return t.counts().zip(key, other.counts(), f)
}

// counts is t with truth values as 0 and 1.
func (t *Tensor) counts() *Tensor {
	if t.need().value.DType() == dtypes.Bool {
		return t.as(dtypes.Int32)
	}
	return t
}

// floats is t with whole numbers and truth values as float32.
func (t *Tensor) floats() *Tensor {
	if t.need().value.DType().IsFloat() {
		return t
	}
	return t.as(dtypes.Float32)
}

// Softmax makes the entries along an axis positive with sum one.
func (t *Tensor) Softmax(axis string) *Tensor {
	i := t.axis(axis)
	return t.floatEach(fmt.Sprint("softmax ", i), func(x *Node) *Node { return softmaxAlong(x, i) })
}

// LogSoftmax is the logarithm of [Tensor.Softmax].
func (t *Tensor) LogSoftmax(axis string) *Tensor {
	i := t.axis(axis)
	return t.floatEach(fmt.Sprint("logsoftmax ", i), func(x *Node) *Node { return logSoftmaxAlong(x, i) })
}

// StackTensors joins tensors of one shape along a new first axis.
func StackTensors(axis string, parts ...*Tensor) *Tensor {
	if len(parts) == 0 {
		fail("StackTensors of no tensors")
	}
	return sharedBy(parts).stack(axis, parts)
}

// axis is the index of a named axis.
func (t *Tensor) axis(name string) int {
	i := slices.Index(t.need().axes, name)
	if i < 0 {
		fail("no axis %q: this tensor has %v", name, t.axes)
	}
	return i
}

// zip combines two tensors entry by entry.
func (t *Tensor) zip(key string, other *Tensor, f func(a, b *Node) *Node) *Tensor {
	return combine(key, func(in []*Node) *Node { return f(in[0], in[1]) }, t, other)
}

// transpose reverses the axes.
func (t *Tensor) transpose() *Tensor {
	n := len(t.axes)
	order := make([]int, n)
	axes := make([]string, n)
	for i := range order {
		order[i], axes[i] = n-1-i, t.axes[n-1-i]
	}
	v := t.eng.eager("transpose", func(in []*Node) *Node { return TransposeAllAxes(in[0], order...) }, t.value)
	return &Tensor{v, axes, t.eng}
}

func (t *Tensor) reshape(axes []string, dims ...int) *Tensor {
	v := t.eng.eager(fmt.Sprint("reshape ", dims), func(in []*Node) *Node { return Reshape(in[0], dims...) }, t.value)
	return &Tensor{v, axes, t.eng}
}
