package hooked

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// A Tensor is an activation, a weight, or something computed from them. It stays on the device
// until its values are read; its axes have names. Tensors are values: every method returns a new
// one.
//
// Methods panic if the shapes do not fit, as an index out of range does: in a notebook that is a
// mistake in the cell. [Try] turns such a panic into an error.
type Tensor struct {
	value *tensors.Tensor
	axes  []string
	eng   *engine
}

// All is an index that keeps an axis whole, Python's colon.
const All = allAxis(0)

type allAxis int

// A Range is an index that keeps the entries From up to but not including To. Negative numbers
// count from the end; a zero To means up to the end.
type Range struct{ From, To int }

var errNilTensor = errors.New("the tensor is nil: look at the error of the call that should have made it")

// check reports a nil tensor, and one that no model has made.
func (t *Tensor) check() error {
	if t == nil || t.value == nil {
		return errNilTensor
	}
	return nil
}

// need is t, which must not be nil.
func (t *Tensor) need() *Tensor {
	if err := t.check(); err != nil {
		fail("%w", err)
	}
	return t
}

// Shape is the size of each axis, outermost first.
func (t *Tensor) Shape() []int { return slices.Clone(t.need().value.Shape().Dimensions) }

// AxisNames are the names of the axes, such as ["batch" "pos" "d_model"].
func (t *Tensor) AxisNames() []string { return slices.Clone(t.need().axes) }

// Named is t with other names for its axes, separated by blanks.
func (t *Tensor) Named(axes string) *Tensor {
	names := strings.Fields(axes)
	if len(names) != len(t.need().axes) {
		fail("%d names (%s) for a tensor of shape %v", len(names), axes, t.Shape())
	}
	return &Tensor{t.value, names, t.eng}
}

// Float32s copies the values to the host in row-major order. Whole numbers and truth values become
// floats.
func (t *Tensor) Float32s() []float32 {
	value := t.need().value
	if value.DType() != dtypes.Float32 {
		value = t.eng.eager("float32", func(in []*Node) *Node { return ConvertDType(in[0], dtypes.Float32) }, value)
	}
	values, err := tensors.CopyFlatData[float32](value)
	if err != nil {
		fail("reading a tensor of shape %v: %w", t.Shape(), err)
	}
	return values
}

// Ints copies the values of a tensor of whole numbers or truth values to the host. Floats must be
// whole.
func (t *Tensor) Ints() []int {
	var values []int64
	if t.need().value.DType().IsFloat() {
		values = t.wholeFloats()
	} else {
		values = t.int64s()
	}
	out := make([]int, len(values))
	for i, v := range values {
		out[i] = int(v)
	}
	return out
}

func (t *Tensor) wholeFloats() []int64 {
	floats := t.Float32s()
	out := make([]int64, len(floats))
	for i, v := range floats {
		if out[i] = int64(v); !(float32(out[i]) == v && v < 1<<62 && v > -1<<62) {
			fail("Ints of a tensor whose value %d is %v: round it with Floor, or cut fractions off with Int", i, v)
		}
	}
	return out
}

// Int32s copies the values of a tensor of whole numbers to the host, as [Tensor.Ints] does.
func (t *Tensor) Int32s() []int32 { return int32s(t.Ints()) }

func int32s(values []int) []int32 {
	out := make([]int32, len(values))
	for i, v := range values {
		if out[i] = int32(v); int(out[i]) != v {
			fail("value %d, %d, is too large for int32", i, v)
		}
	}
	return out
}

// Rows copies the values of a matrix to the host, row by row.
func (t *Tensor) Rows() [][]float32 {
	_, columns := t.needRows("Rows")
	return slices.Collect(slices.Chunk(t.Float32s(), columns))
}

// IntRows copies the values of a matrix of whole numbers to the host, row by row: they can be
// [Tokens].
func (t *Tensor) IntRows() [][]int {
	_, columns := t.needRows("IntRows")
	return slices.Collect(slices.Chunk(t.Ints(), columns))
}

// Int32Rows is [Tensor.IntRows] in 32 bits.
func (t *Tensor) Int32Rows() [][]int32 {
	_, columns := t.needRows("Int32Rows")
	return slices.Collect(slices.Chunk(t.Int32s(), columns))
}

func (t *Tensor) needRows(method string) (rows, columns int) {
	if len(t.need().axes) != 2 {
		fail("%s of a tensor %s: want a matrix", method, t.Describe())
	}
	return t.needMatrix(method)
}

// Item is the value of a tensor with a single one.
func (t *Tensor) Item() float32 {
	if t.need().value.Size() != 1 {
		fail("Item of a tensor of shape %v: it has %d values", t.Shape(), t.value.Size())
	}
	return t.Float32s()[0]
}

// At indexes t as Python does: an int picks one entry and drops the axis, [All] keeps it, a [Range]
// or a []int keeps some entries. Negative numbers count from the end; axes that are not mentioned
// are kept.
func (t *Tensor) At(indices ...any) *Tensor {
	if len(indices) > len(t.need().axes) {
		fail("%d indices for a tensor with axes %v", len(indices), t.axes)
	}
	out := t
	axis := 0
	for _, index := range indices {
		switch v := index.(type) {
		case allAxis:
			axis++
		case int:
			out = out.pick(axis, v)
		case Range:
			out = out.slice(axis, v)
			axis++
		case []int:
			out = out.gather(axis, v)
			axis++
		default:
			fail("index %v of type %s: want an int, hooked.All, a hooked.Range or a []int", index, typeOf(index))
		}
	}
	return out
}

// index resolves a Python index into an axis.
func (t *Tensor) index(axis, i int) int {
	n := t.value.Shape().Dim(axis)
	if i < -n || i >= n {
		fail("index %d out of range: axis %q has %d entries", i, t.axes[axis], n)
	}
	return (i + n) % n
}

// pick takes one entry of an axis, which a run-time value tells, so that one program serves all
// entries.
func (t *Tensor) pick(axis, i int) *Tensor {
	where := tensors.FromFlatDataAndDimensions([]int32{int32(t.index(axis, i))}, 1, 1)
	v := t.eng.eager(fmt.Sprintf("pick %d", axis), func(in []*Node) *Node {
		return Squeeze(gatherAxis(in[0], in[1], axis), axis)
	}, t.value, where)
	return &Tensor{v, without(t.axes, axis), t.eng}
}

func without(axes []string, i int) []string {
	return append(slices.Clone(axes[:i]), axes[i+1:]...)
}

func (t *Tensor) gather(axis int, indices []int) *Tensor {
	index := make([]int32, len(indices))
	for i, v := range indices {
		index[i] = int32(t.index(axis, v))
	}
	where := tensors.FromFlatDataAndDimensions(index, len(index), 1)
	v := t.eng.eager(fmt.Sprintf("gather %d", axis), func(in []*Node) *Node {
		return gatherAxis(in[0], in[1], axis)
	}, t.value, where)
	return &Tensor{v, slices.Clone(t.axes), t.eng}
}

// gatherAxis takes the entries index [n, 1] of one axis of x: what lies inside the axis is one row
// of a flat table, so that only what is taken is read.
func gatherAxis(x, index *Node, axis int) *Node {
	dims := x.Shape().Dimensions
	outer, n, inner := sizeOf(dims[:axis]), dims[axis], sizeOf(dims[axis+1:])
	picked := index.Shape().Dim(0)
	first := MulScalar(Iota(x.Graph(), shapes.Make(dtypes.Int32, outer, 1), 0), int32(n))
	rows := Reshape(Add(first, Reshape(index, 1, picked)), outer*picked, 1)
	taken := Gather(Reshape(x, outer*n, inner), rows)
	return Reshape(taken, slices.Concat(dims[:axis], []int{picked}, dims[axis+1:])...)
}

func (t *Tensor) slice(axis int, r Range) *Tensor {
	n := t.value.Shape().Dim(axis)
	from, to := r.From, r.To
	if from < 0 {
		from += n
	}
	if to <= 0 {
		to += n
	}
	if from < 0 || to > n || from >= to {
		fail("range %d to %d is empty or outside axis %q of %d entries", r.From, r.To, t.axes[axis], n)
	}
	v := t.eng.eager(fmt.Sprintf("slice %d %d %d", axis, from, to), func(in []*Node) *Node {
		return SliceAxis(in[0], axis, AxisRange(from, to))
	}, t.value)
	return &Tensor{v, slices.Clone(t.axes), t.eng}
}

// tensorOf puts host values on the engine as a tensor.
func (e *engine) tensorOf(data []float32, dims []int, axes ...string) *Tensor {
	return &Tensor{tensors.FromFlatDataAndDimensions(data, dims...), axes, e}
}
