package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked/internal/axis"
)

// Entries picks some entries of one named axis: Pos(-1), Head(3, 5). Negative numbers count from
// the end. Interventions take them to say which part of an activation they change; several of them
// mean their intersection.
type Entries struct {
	axis    string // as the user says it, see package axis
	indices []int
}

// Pos picks positions; of scores and patterns [batch, head, query, key] those of the query.
func Pos(indices ...int) Entries { return Entries{"pos", indices} }

// Key picks the positions that scores and patterns look at.
func Key(indices ...int) Entries { return Entries{"key", indices} }

// Head picks heads; of keys and values in a model with grouped queries these are key-value heads.
func Head(indices ...int) Entries { return Entries{"head", indices} }

// Neuron picks hidden entries of an MLP, those of hook_pre, hook_post and so on.
func Neuron(indices ...int) Entries { return Entries{"d_mlp", indices} }

// Prompt picks prompts of the batch.
func Prompt(indices ...int) Entries { return Entries{"batch", indices} }

// Along picks entries of the axis called so: of a [Tap] the axes of its own, such as "feature".
func Along(axis string, indices ...int) Entries { return Entries{axis, indices} }

// Axis is the axis whose entries are picked: "pos", "key", "head", "d_mlp" or "batch".
func (e Entries) Axis() string { return e.axis }

// String is how the entries are written in Go.
func (e Entries) String() string { return fmt.Sprintf("%s%v", e.axis, e.indices) }

// axesAt are the axes of activation x at site s: a norm whose input a run splits by head has one
// more, and those of a tap were given with it.
func axesAt(s Site, x *Node) []string {
	axes := s.Axes()
	if b := editorOf(x); b != nil && s.isTap() {
		axes = b.editing[len(b.editing)-1].axes
	}
	if x.Rank() == len(axes)+1 {
		axes = slices.Insert(axes, 2, "head")
	}
	return axes
}

// in checks that the entries exist in activation x at site s, and returns their axis.
func (e Entries) in(s Site, x *Node) int {
	axes := axesAt(s, x)
	at := axis.Find(axes, e.axis)
	if at < 0 {
		exceptions.Panicf("it picks entries of axis %q, the activation has axes %v", e.axis, axes)
	}
	n := x.Shape().Dim(at)
	for _, i := range e.indices {
		if i < -n || i >= n {
			exceptions.Panicf("it picks entry %d of axis %q, which has %d", i, axes[at], n)
		}
	}
	return at
}

// whole is the mask of no entries at all picked: everything is meant.
func whole(x *Node) *Node {
	yes := Const(x.Graph(), true)
	return BroadcastToDims(yes, x.Shape().Dimensions...)
}

// maskOfEntries is true where x is picked by all of the entries; indices are their run-time values,
// one node each.
func maskOfEntries(s Site, x *Node, entries []Entries, indices []*Node) *Node {
	mask := whole(x)
	for i, e := range entries {
		mask = And(mask, along(x, e.in(s, x), isPicked(indices[i], x.Shape().Dim(e.in(s, x)))))
	}
	return mask
}

// isPicked is true for each of n entries that index [k] names: [n].
func isPicked(index *Node, n int) *Node {
	index = Where(LessThan(index, ScalarZero(index.Graph(), dtypes.Int32)), AddScalar(index, int32(n)), index)
	k := index.Shape().Dim(0)
	entry := Iota(index.Graph(), shapes.Make(dtypes.Int32, k, n), 1)
	hit := Equal(entry, BroadcastToDims(InsertAxes(index, -1), k, n))
	return GreaterThan(ReduceSum(ConvertDType(hit, dtypes.Int32), 0), ScalarZero(index.Graph(), dtypes.Int32))
}

// along spreads v, which lies along one axis of x, over all of x.
func along(x *Node, axis int, v *Node) *Node {
	dims := slices.Repeat([]int{1}, x.Rank())
	dims[axis] = x.Shape().Dim(axis)
	return BroadcastToDims(Reshape(v, dims...), x.Shape().Dimensions...)
}
