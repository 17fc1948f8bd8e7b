package hooked

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Gather picks entries along an axis, the last one unless another is named, as torch.gather does:
// index has t's rank, and the result its shape, so that of t [batch, n] it takes the entries
// index [batch][k], for instance the logits of each prompt's answers. An axis that is not gathered
// along may be shorter than t's.
//
// If index has one axis less, it tells one entry for each entry of the other axes, and the axis
// goes away: logProbs [batch, pos, d_vocab].Gather(tokens) is [batch, pos].
//
// index is a *Tensor of whole numbers, [Tokens], or slices of whole numbers.
func (t *Tensor) Gather(index any, axis ...string) *Tensor {
	i := len(t.need().axes) - 1
	switch {
	case len(axis) == 1:
		i = t.axis(axis[0])
	case len(axis) > 1 || i < 0:
		fail("Gather of a tensor %s takes one axis, not %v", t.Describe(), axis)
	}
	where := t.indexTensor(index)
	picks := where.Shape()
	names := slices.Clone(t.axes)
	if len(picks) == len(t.axes)-1 {
		picks = slices.Insert(picks, i, 1)
		names = without(names, i)
	}
	flat := t.flatIndices(where.int64s(), picks, i)
	at := tensors.FromFlatDataAndDimensions(flat, len(flat), 1)
	v := t.eng.eager(fmt.Sprint("entries ", where.Shape()), func(in []*Node) *Node {
		taken := gatherAxis(Reshape(in[0], in[0].Shape().Size()), in[1], 0)
		return Reshape(taken, where.Shape()...)
	}, t.value, at)
	return &Tensor{v, names, t.eng}
}

// indexTensor is what [Tensor.Gather] takes as a tensor.
func (t *Tensor) indexTensor(index any) *Tensor {
	if where, ok := index.(*Tensor); ok {
		return where.need()
	}
	value, err := hostTensor(index)
	if err != nil {
		fail("Gather: %v", err)
	}
	return &Tensor{value, make([]string, value.Rank()), t.eng}
}

// flatIndices are the places in t, counted from its first entry, of the entries index of an axis
// that are picked for each place of an array with dimensions picks.
func (t *Tensor) flatIndices(index []int64, picks []int, axis int) []int32 {
	shape := t.Shape()
	fits := len(picks) == len(shape) && sizeOf(shape) <= 1<<31
	for k := range min(len(picks), len(shape)) {
		fits = fits && (k == axis || picks[k] <= shape[k])
	}
	if !fits {
		fail("Gather of a tensor of shape %v along axis %q with indices of shape %v: want its shape but for that axis",
			shape, t.axes[axis], picks)
	}
	flat := make([]int32, len(index))
	place := make([]int, len(picks))
	for k, entry := range index {
		if entry < 0 || entry >= int64(shape[axis]) {
			fail("Gather: index %d at %v is outside axis %q of %d entries", entry, place, t.axes[axis], shape[axis])
		}
		at := 0
		for d, p := range place {
			if d == axis {
				p = int(entry)
			}
			at = at*shape[d] + p
		}
		flat[k] = int32(at)
		countOn(place, picks)
	}
	return flat
}

// countOn is the next place in an array with these dimensions, the last axis fastest.
func countOn(place, dims []int) {
	for d := len(place) - 1; d >= 0; d-- {
		if place[d]++; place[d] < dims[d] {
			return
		}
		place[d] = 0
	}
}
