package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Add is t + other, entry by entry. Where other has fewer axes, or another order, they are matched
// by name.
func (t *Tensor) Add(other *Tensor) *Tensor { return t.zip("add", other, Add) }

// Sub is t - other, entry by entry; see [Tensor.Add].
func (t *Tensor) Sub(other *Tensor) *Tensor { return t.zip("sub", other, Sub) }

// Mul is t * other, entry by entry; see [Tensor.Add].
func (t *Tensor) Mul(other *Tensor) *Tensor { return t.zip("mul", other, Mul) }

// Div is t / other, entry by entry; see [Tensor.Add].
func (t *Tensor) Div(other *Tensor) *Tensor { return t.zip("div", other, Div) }

// Scale is t times a number.
func (t *Tensor) Scale(factor float64) *Tensor { return t.Mul(t.need().eng.scalar(factor)) }

// Shift is t plus a number.
func (t *Tensor) Shift(amount float64) *Tensor { return t.Add(t.need().eng.scalar(amount)) }

// Sqrt is the square root of each entry.
func (t *Tensor) Sqrt() *Tensor { return t.each("sqrt", Sqrt) }

// Exp is e to the power of each entry.
func (t *Tensor) Exp() *Tensor { return t.each("exp", Exp) }

// Log is the natural logarithm of each entry.
func (t *Tensor) Log() *Tensor { return t.each("log", Log) }

// Abs is the absolute value of each entry.
func (t *Tensor) Abs() *Tensor { return t.each("abs", Abs) }

// Sum adds up the entries along the named axes, all of them if none is named.
func (t *Tensor) Sum(axes ...string) *Tensor { return t.reduce("sum", reduceSum, axes) }

// Mean averages along the named axes, all of them if none is named.
func (t *Tensor) Mean(axes ...string) *Tensor { return t.reduce("mean", reduceMean, axes) }

// Max is the largest entry along the named axes, all of them if none is named.
func (t *Tensor) Max(axes ...string) *Tensor { return t.reduce("max", ReduceMax, axes) }

// Min is the smallest entry along the named axes, all of them if none is named.
func (t *Tensor) Min(axes ...string) *Tensor { return t.reduce("min", ReduceMin, axes) }

// Norm is the Euclidean length along the named axes, all of them if none is named.
func (t *Tensor) Norm(axes ...string) *Tensor {
	return t.reduce("norm", func(x *Node, over ...int) *Node { return Sqrt(reduceSum(Mul(x, x), over...)) }, axes)
}

// Softmax makes the entries along an axis positive with sum one.
func (t *Tensor) Softmax(axis string) *Tensor {
	i := t.axis(axis)
	return t.each(fmt.Sprint("softmax ", i), func(x *Node) *Node { return softmaxAlong(x, i) })
}

// LogSoftmax is the logarithm of [Tensor.Softmax].
func (t *Tensor) LogSoftmax(axis string) *Tensor {
	i := t.axis(axis)
	return t.each(fmt.Sprint("logsoftmax ", i), func(x *Node) *Node { return logSoftmaxAlong(x, i) })
}

// ArgMax is where the largest entry along an axis stands.
func (t *Tensor) ArgMax(axis string) *Tensor {
	i := t.axis(axis)
	v := t.eng.eager(fmt.Sprint("argmax ", i), func(in []*Node) *Node { return ArgMax(in[0], i, dtypes.Int32) }, t.value)
	return &Tensor{v, without(t.axes, i), t.eng}
}

// Gather picks from the last axis: of t [batch, n] the entries index [batch][k], as [batch, k]. It
// is torch's gather with dim=-1, for instance the logits of each prompt's answers.
func (t *Tensor) Gather(index Tokens) *Tensor {
	shape := t.Shape()
	if len(shape) != 2 || shape[0] != len(index) {
		fail("Gather of a tensor of shape %v with %d rows of indices: want [%d, n]", shape, len(index), len(index))
	}
	columns := make([]*Tensor, len(index[0]))
	flat := t.reshape([]string{"entry"}, shape[0]*shape[1])
	for k := range columns {
		at := make([]int, len(index))
		for i, row := range index {
			if len(row) != len(columns) || row[k] < 0 || row[k] >= shape[1] {
				fail("Gather: row %d of the indices is %v, the axis has %d entries", i, row, shape[1])
			}
			at[i] = i*shape[1] + row[k]
		}
		columns[k] = flat.gather(0, at).reshape([]string{t.axes[0]}, len(index))
	}
	return StackTensors("entry", columns...).transpose()
}

// StackTensors joins tensors of one shape along a new first axis.
func StackTensors(axis string, parts ...*Tensor) *Tensor {
	if len(parts) == 0 {
		fail("StackTensors of no tensors")
	}
	return parts[0].eng.stack(axis, parts)
}

// axis is the index of a named axis.
func (t *Tensor) axis(name string) int {
	i := slices.Index(t.need().axes, name)
	if i < 0 {
		fail("no axis %q: this tensor has %v", name, t.axes)
	}
	return i
}

func (t *Tensor) each(key string, f func(*Node) *Node) *Tensor {
	v := t.need().eng.eager(key, func(in []*Node) *Node { return f(in[0]) }, t.value)
	return &Tensor{v, slices.Clone(t.axes), t.eng}
}

func (t *Tensor) reduce(key string, f func(*Node, ...int) *Node, axes []string) *Tensor {
	var over []int
	var kept []string
	for i, name := range t.need().axes {
		if len(axes) == 0 || slices.Contains(axes, name) {
			over = append(over, i)
		} else {
			kept = append(kept, name)
		}
	}
	for _, name := range axes {
		t.axis(name)
	}
	if len(over) == 0 {
		return t
	}
	v := t.eng.eager(fmt.Sprint(key, over), func(in []*Node) *Node { return f(in[0], over...) }, t.value)
	return &Tensor{v, kept, t.eng}
}

// zip combines two tensors entry by entry, the axes of other matched with t's by name.
func (t *Tensor) zip(key string, other *Tensor, f func(a, b *Node) *Node) *Tensor {
	match := t.matchAxes(other)
	v := t.eng.eager(fmt.Sprint(key, match), func(in []*Node) *Node {
		return f(in[0], spreadAxes(in[1], match, in[0].Shape().Dimensions))
	}, t.value, other.value)
	return &Tensor{v, slices.Clone(t.axes), t.eng}
}

// matchAxes says which axis of t each axis of other goes with: by position where the axes are the
// same in number, else by name.
func (t *Tensor) matchAxes(other *Tensor) []int {
	match := make([]int, len(other.need().axes))
	sameRank := len(other.axes) == len(t.need().axes)
	for i, name := range other.axes {
		j := i
		if !sameRank {
			j = slices.Index(t.axes, name)
		}
		if j < 0 {
			fail("a tensor with axes %v does not fit one with %v: no axis %q", other.axes, t.axes, name)
		}
		if n, m := other.Shape()[i], t.Shape()[j]; n != m && n != 1 {
			fail("axis %q has %d entries in one tensor and %d in the other", name, m, n)
		}
		match[i] = j
	}
	return match
}

// spreadAxes puts each axis of x at its place among dims and broadcasts the others. Matched axes
// must be in order.
func spreadAxes(x *Node, match, dims []int) *Node {
	order := make([]int, len(match))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return match[a] - match[b] })
	if len(order) > 1 {
		x = TransposeAllAxes(x, order...)
	}
	shape := make([]int, len(dims))
	for i := range shape {
		shape[i] = 1
	}
	for k, i := range order {
		shape[match[i]] = x.Shape().Dim(k)
	}
	return BroadcastToDims(Reshape(x, shape...), dims...)
}

func (e *engine) scalar(v float64) *Tensor { return e.tensorOf([]float32{float32(v)}, nil) }

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
