package hooked

import (
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
)

// TopK are the k largest entries along an axis, largest first, and where they stand; of equal ones
// the earlier. NaN counts as the largest, as in PyTorch.
//
// It works on the host: a backend would sort the whole axis, which for a vocabulary takes a hundred
// times longer than one pass over it.
func (t *Tensor) TopK(k int, axis string) (values, indices *Tensor) {
	i := t.axis(axis)
	shape := t.Shape()
	n := shape[i]
	if k < 1 || k > n {
		fail("TopK(%d) along axis %q of %d entries", k, axis, n)
	}
	if !t.value.DType().IsFloat() {
		indices = t.ArgSort(axis, Descending).slice(i, Range{0, k})
		return t.Gather(indices, axis), indices
	}
	inner := sizeOf(shape[i+1:])
	outer := sizeOf(shape[:i])
	shape[i] = k
	top := make([]float32, sizeOf(shape))
	at := make([]int32, len(top))
	all := t.Float32s()
	for o := range outer {
		for j := range inner {
			row := func(m int) float32 { return all[(o*n+m)*inner+j] }
			for rank, m := range largest(n, k, row) {
				top[(o*k+rank)*inner+j], at[(o*k+rank)*inner+j] = row(m), int32(m)
			}
		}
	}
	where := tensors.FromFlatDataAndDimensions(at, shape...)
	return t.eng.tensorOf(top, shape, t.axes...), &Tensor{where, slices.Clone(t.axes), t.eng}
}

// largest are the indices of the k largest of n values, largest first: an ordered list into which
// each value that beats the last one is inserted. For the few that anybody looks at that is one
// comparison a value.
func largest(n, k int, value func(int) float32) []int {
	less := func(a, b float32) bool { return a < b || b != b && a == a }
	best := make([]int, 0, k+1)
	for m := range n {
		v := value(m)
		if len(best) == k && !less(value(best[k-1]), v) {
			continue
		}
		place := len(best)
		for place > 0 && less(value(best[place-1]), v) {
			place--
		}
		best = slices.Insert(best, place, m)
		best = best[:min(len(best), k)]
	}
	return best
}
