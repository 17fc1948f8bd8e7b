package hooked

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked/internal/axis"
)

// Entries picks some entries of one named axis: Pos(-1), Head(3, 5), Pos(Range{2, 5}). Negative
// numbers count from the end. Interventions take them to say which part of an activation they
// change; several of them mean their intersection.
type Entries struct {
	axis  string  // as the user says it, see package axis
	spans []Range // a single entry i is from i to i+1

	ranged bool // they were given as ranges
}

// Pick is how entries are picked: one by one, or a [Range] of them.
type Pick interface{ int | Range }

// Pos picks positions; of scores and patterns [batch, head, query, key] those of the query. In runs
// on a key-value cache, as in generation, they count in the whole text: what an edit changes at
// position 2 is changed when that position is computed, and there is nothing to do later. Negative
// ones count from the end of what is read, so that Pos(-1) is the newest token of each step.
func Pos[P Pick](picks ...P) Entries { return entriesOf("pos", picks) }

// Key picks the positions that scores and patterns look at, counted in the whole text.
func Key[P Pick](picks ...P) Entries { return entriesOf("key", picks) }

// Head picks heads; of keys and values in a model with grouped queries these are key-value heads.
func Head[P Pick](picks ...P) Entries { return entriesOf("head", picks) }

// Neuron picks hidden entries of an MLP, those of hook_pre, hook_post and so on.
func Neuron[P Pick](picks ...P) Entries { return entriesOf("d_mlp", picks) }

// Prompt picks prompts of the batch.
func Prompt[P Pick](picks ...P) Entries { return entriesOf("batch", picks) }

// Along picks entries of the axis called so: of a [Tap] the axes of its own, such as "feature".
func Along[P Pick](axis string, picks ...P) Entries { return entriesOf(axis, picks) }

func entriesOf[P Pick](axis string, picks []P) Entries {
	e := Entries{axis: axis}
	for _, p := range picks {
		switch v := any(p).(type) {
		case int:
			e.spans = append(e.spans, Range{v, v + 1})
		case Range:
			e.spans, e.ranged = append(e.spans, v), true
		}
	}
	return e
}

// Axis is the axis whose entries are picked: "pos", "key", "head", "d_mlp", "batch", or another.
func (e Entries) Axis() string { return e.axis }

// String is the axis and what is picked of it: "pos[2 3]", "pos[2:5]".
func (e Entries) String() string {
	texts := make([]string, len(e.spans))
	for i, s := range e.spans {
		texts[i] = s.pick()
	}
	return e.axis + "[" + strings.Join(texts, " ") + "]"
}

// single reports whether a span is one entry.
func (r Range) single() bool { return r.To == r.From+1 }

func (r Range) pick() string {
	if r.single() {
		return fmt.Sprint(r.From)
	}
	return fmt.Sprintf("%d:%d", r.From, r.To)
}

// within is a span of n entries counted from the beginning; ok is false if it is empty or goes
// beyond them.
func (r Range) within(n int) (from, to int, ok bool) {
	from, to = r.From, r.To
	if from < 0 {
		from += n
	}
	if to <= 0 {
		to += n
	}
	return from, to, 0 <= from && from < to && to <= n
}

// list are the indices of the entries among n. It panics, as tensors' methods do, if there are not
// as many.
func (e Entries) list(n int) []int {
	var out []int
	for _, s := range e.spans {
		from, to, ok := s.within(n)
		if !ok {
			fail("%s picks %s of axis %q, which has %d entries", e, s.pick(), e.axis, n)
		}
		for i := from; i < to; i++ {
			out = append(out, i)
		}
	}
	return out
}

// bounds are the spans as a run-time value, [k, 2] int32; that of no entries is refused later.
func (e Entries) bounds() [][]int {
	if len(e.spans) == 0 {
		return [][]int{{0, 0}}
	}
	out := make([][]int, len(e.spans))
	for i, s := range e.spans {
		out[i] = []int{s.From, s.To}
	}
	return out
}

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

// in checks that the entries exist in activation x at site s, and returns their axis. Which
// positions there are in a run on a key-value cache is checked before, see [run.acts].
func (e Entries) in(s Site, x *Node) int {
	axes := axesAt(s, x)
	at := axis.Find(axes, e.axis)
	if at < 0 {
		exceptions.Panicf("it picks entries of axis %q, the activation has axes %v", e.axis, axes)
	}
	if b := editorOf(x); b != nil && b.past != nil && axis.IsPosition(axes[at]) {
		return at
	}
	n := x.Shape().Dim(at)
	for _, span := range e.spans {
		if _, _, ok := span.within(n); !ok && span.single() {
			exceptions.Panicf("it picks entry %d of axis %q, which has %d", span.From, axes[at], n)
		} else if !ok {
			exceptions.Panicf("it picks entries %d to %d of axis %q, which is none of its %d", span.From, span.To, axes[at], n)
		}
	}
	return at
}

// count is how many entries of n are picked; -1 if that depends on how long the text is.
func (e Entries) count(x *Node, n int) int {
	b := editorOf(x)
	fixed := b == nil || b.past == nil
	total := 0
	for _, s := range e.spans {
		from, to, ok := s.within(n)
		switch {
		case ok && fixed:
			total += to - from
		case !fixed && (s.From < 0) == (s.To <= 0):
			total += s.To - s.From
		default:
			return -1
		}
	}
	return total
}

// whole is the mask of no entries at all picked: everything is meant.
func whole(x *Node) *Node {
	yes := Const(x.Graph(), true)
	return BroadcastToDims(yes, x.Shape().Dimensions...)
}

// maskOfEntries is true where x is picked by all of the entries; bounds are their run-time values,
// one node each.
func maskOfEntries(s Site, x *Node, entries []Entries, bounds []*Node) *Node {
	mask := whole(x)
	for i, e := range entries {
		at := e.in(s, x)
		hit, _ := picked(axesAt(s, x)[at], x, x.Shape().Dim(at), bounds[i])
		mask = And(mask, along(x, at, hit))
	}
	return mask
}

// picked says for each of the n entries of an axis of x whether spans with these bounds [k, 2] pick
// it, and which of the picks it is; 0 if it is none: two [n].
func picked(axisName string, x *Node, n int, bounds *Node) (hit, which *Node) {
	g, k := bounds.Graph(), bounds.Shape().Dim(0)
	from, to := resolvedBounds(axisName, x, n, bounds)
	// [k, 1]
	sizes := Sub(to, from)
	// [k, k]
	earlier := LessThan(Iota(g, shapes.Make(dtypes.Int32, k, k), 1), Iota(g, shapes.Make(dtypes.Int32, k, k), 0))
	before := Where(earlier, BroadcastToDims(Reshape(sizes, 1, k), k, k), ScalarZero(g, dtypes.Int32))
	// what to add to an entry to get its rank
	first := Sub(ReduceAndKeep(before, ReduceSum, 1), from)

	entry := Iota(g, shapes.Make(dtypes.Int32, k, n), 1)
	spread := func(v *Node) *Node { return BroadcastToDims(v, k, n) }
	in := And(GreaterOrEqual(entry, spread(from)), LessThan(entry, spread(to)))
	rank := Where(in, Add(entry, spread(first)), ScalarZero(g, dtypes.Int32))
	any := GreaterThan(ReduceMax(ConvertDType(in, dtypes.Int32), 0), ScalarZero(g, dtypes.Int32))
	return any, ReduceMax(rank, 0)
}

// resolvedBounds are where spans with these bounds [k, 2] begin and end among the n entries of an
// axis of x, two [k, 1]. In a run on a key-value cache positions count in the whole text: those of
// the keys are all there, of others the new ones alone.
func resolvedBounds(axisName string, x *Node, n int, bounds *Node) (from, to *Node) {
	g := bounds.Graph()
	zero := ScalarZero(g, dtypes.Int32)
	shift, wrap := zero, Scalar(g, dtypes.Int32, n)
	if b := editorOf(x); b != nil && b.past != nil && axis.IsPosition(axisName) {
		if axisName == "key" {
			wrap = AddScalar(b.past, int32(b.pos))
		} else {
			shift = b.past
		}
	}
	from, to = SliceAxis(bounds, 1, AxisRange(0, 1)), SliceAxis(bounds, 1, AxisRange(1, 2))
	from = Where(LessThan(from, zero), Add(from, wrap), Sub(from, shift))
	to = Where(LessOrEqual(to, zero), Add(to, wrap), Sub(to, shift))
	return from, to
}

// along spreads v, which lies along one axis of x, over all of x.
func along(x *Node, axis int, v *Node) *Node {
	dims := slices.Repeat([]int{1}, x.Rank())
	dims[axis] = x.Shape().Dim(axis)
	return BroadcastToDims(Reshape(v, dims...), x.Shape().Dimensions...)
}
