package hooked

import (
	"cmp"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
)

// An Order says which end of a sorted axis comes first.
type Order int

// The orders.
const (
	Ascending  Order = iota // the smallest entry first
	Descending              // the largest entry first
)

// Sort puts the entries along an axis in order, the smallest first unless told otherwise, and tells
// where each stood. Equal entries keep their order. NaN counts as the largest, as in PyTorch. It
// works on the host, as [Tensor.TopK] does.
func (t *Tensor) Sort(axis string, order ...Order) (values, indices *Tensor) {
	indices = t.ArgSort(axis, order...)
	return t.Gather(indices, axis), indices
}

// ArgSort is where the entries along an axis stand in their order; see [Tensor.Sort].
func (t *Tensor) ArgSort(axis string, order ...Order) *Tensor {
	sign := 1
	switch {
	case len(order) > 1 || len(order) == 1 && order[0] != Ascending && order[0] != Descending:
		fail("ArgSort takes one order, hooked.Ascending or hooked.Descending, not %v", order)
	case len(order) == 1 && order[0] == Descending:
		sign = -1
	}
	i := t.axis(axis)
	shape := t.Shape()
	at := make([]int32, sizeOf(shape))
	if t.value.DType().IsFloat() {
		sortRows(at, t.Float32s(), shape, i, func(a, b float32) int { return sign * cmpNaNLast(a, b) })
	} else {
		sortRows(at, t.int64s(), shape, i, func(a, b int64) int { return sign * cmp.Compare(a, b) })
	}
	return &Tensor{tensors.FromFlatDataAndDimensions(at, shape...), slices.Clone(t.axes), t.eng}
}

// sortRows fills at with the order of the entries of each row along an axis.
func sortRows[T any](at []int32, values []T, shape []int, axis int, compare func(a, b T) int) {
	n := shape[axis]
	row := make([]int32, n)
	for first, stride := range rowsAlong(shape, axis) {
		for m := range row {
			row[m] = int32(m)
		}
		slices.SortFunc(row, func(a, b int32) int {
			return cmp.Or(compare(values[first+int(a)*stride], values[first+int(b)*stride]), cmp.Compare(a, b))
		})
		for m, where := range row {
			at[first+m*stride] = where
		}
	}
}

// rowsAlong yields, for each row along an axis of an array, where its first entry stands and how
// far apart its entries lie.
func rowsAlong(shape []int, axis int) func(yield func(first, stride int) bool) {
	n, stride := shape[axis], sizeOf(shape[axis+1:])
	return func(yield func(first, stride int) bool) {
		for outer := range sizeOf(shape[:axis]) {
			for inner := range stride {
				if !yield(outer*n*stride+inner, stride) {
					return
				}
			}
		}
	}
}

// cmpNaNLast orders floats with NaN above everything.
func cmpNaNLast(a, b float32) int {
	switch aNaN, bNaN := a != a, b != b; {
	case aNaN && bNaN:
		return 0
	case aNaN:
		return 1
	case bNaN:
		return -1
	}
	return cmp.Compare(a, b)
}

// CumSum are the sums of the entries along an axis up to and including each. Those of whole
// numbers, and counts of truth values, are 64-bit whole numbers, as in PyTorch. It adds up in
// float64 on the host, in one pass, where a backend would begin each sum again.
func (t *Tensor) CumSum(axis string) *Tensor {
	i := t.axis(axis)
	shape := t.Shape()
	if !t.value.DType().IsFloat() {
		sums := t.int64s()
		runningSums[int64, int64](sums, shape, i)
		return &Tensor{tensors.FromFlatDataAndDimensions(sums, shape...), slices.Clone(t.axes), t.eng}
	}
	sums := t.Float32s()
	runningSums[float32, float64](sums, shape, i)
	return t.eng.tensorOf(sums, shape, slices.Clone(t.axes)...).as(t.value.DType())
}

// runningSums puts in place of each entry along an axis the sum up to it, which is added up as a T.
func runningSums[V, T float32 | float64 | int64](values []V, shape []int, axis int) {
	for first, stride := range rowsAlong(shape, axis) {
		var sum T
		for m := range shape[axis] {
			sum += T(values[first+m*stride])
			values[first+m*stride] = V(sum)
		}
	}
}

// int64s copies the values of a tensor of whole numbers or truth values to the host.
func (t *Tensor) int64s() []int64 {
	if t.need().value.DType().IsFloat() {
		fail("the tensor %s holds floats, where whole numbers are wanted", t.Describe())
	}
	values, err := tensors.CopyFlatData[int64](t.as(dtypes.Int64).value)
	if err != nil {
		fail("reading a tensor of shape %v: %v", t.Shape(), err)
	}
	return values
}
