// Package largest chooses the largest entries of rows in a graph. XLA takes the first of a sorted
// row for a program of its own that looks for no more than these; what else sorts takes ten times
// as long, and there the border is searched bit by bit, each by one count of the row.
package largest

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Of is true at the k largest entries of each row of x, which has none below zero; of equal ones
// the first count.
func Of(x *graph.Node, k int) *graph.Node {
	n := x.Shape().Dim(-1)
	if k >= n {
		return graph.BroadcastToDims(graph.Const(x.Graph(), true), x.Shape().Dimensions...)
	}
	x = graph.StopGradient(x)
	if sorts(x) {
		values, at := sorted(x, k)
		return upTo(x, last(values), last(at))
	}
	// floats that are not negative are ordered like their bits
	order := graph.Bitcast(x, dtypes.Int32)
	return first(order, graph.Scalar(x.Graph(), dtypes.Int32, k), start(order))
}

// Among is true at the k largest entries of each row of x where the mask, of x's shape, is true,
// and nowhere else. k is an int32 scalar, at most the number of entries that the mask has in a row,
// and at most the bound.
func Among(mask, x, k *graph.Node, bound int) *graph.Node {
	g := x.Graph()
	x = graph.StopGradient(x)
	zero := graph.ZerosLike(x)
	x = graph.Where(graph.Equal(x, zero), zero, x) // of both signs, which are told apart below
	if sorts(x) {
		low := graph.BroadcastToDims(graph.Infinity(g, x.DType(), -1), x.Shape().Dimensions...)
		x = graph.Where(mask, x, low)
		values, at := sorted(x, max(1, min(bound, x.Shape().Dim(-1))))
		end := graph.AddScalar(k, int32(-1))
		some := graph.GreaterThan(k, graph.ScalarZero(g, dtypes.Int32))
		return graph.And(graph.And(mask, upTo(x, entry(values, end), entry(at, end))), some)
	}
	order := graph.Bitcast(x, dtypes.Int32)
	// of negative floats the bits but the sign's have the opposite order
	turned := graph.BitwiseXor(order, graph.Scalar(g, dtypes.Int32, math.MaxInt32))
	order = graph.Where(graph.LessThan(order, graph.ScalarZero(g, dtypes.Int32)), turned, order)
	lowest := graph.Scalar(g, dtypes.Int32, math.MinInt32) // which is no float's
	order = graph.Where(mask, order, graph.Add(graph.ZerosLike(order), lowest))
	from := start(order)
	from = graph.Where(graph.GreaterOrEqual(counted(graph.GreaterOrEqual(order, from)), k), from, graph.Add(from, lowest))
	return graph.And(mask, first(order, k, from))
}

// longestSorted is the longest row that is sorted: a row is sorted by one processor alone.
const longestSorted = 1 << 17

// sorts reports whether x is on a backend that sorts rows quickly.
func sorts(x *graph.Node) bool {
	return x.Shape().Dim(-1) <= longestSorted && strings.Contains(described(x), "xla")
}

// described is what x's backend says of itself.
func described(x *graph.Node) string {
	be := x.Graph().Backend()
	return strings.ToLower(be.Name() + " " + be.Description())
}

// sorted are the k largest entries of each row, the largest first, and where they are, of equal
// ones the first: [..., k].
func sorted(x *graph.Node, k int) (values, at *graph.Node) {
	dims := x.Shape().Dimensions
	n := dims[len(dims)-1]
	rows := graph.Reshape(x, x.Shape().Size()/n, n)
	var all [2][]*graph.Node
	count, parts := rows.Shape().Dim(0), partsOf(rows)
	falling := greater(x.Graph(), x.DType()) // one for all parts: what is traced takes time at every call
	var numbers *graph.Node
	for i := range parts {
		part := graph.Slice(rows, graph.AxisRange(i*count/parts, (i+1)*count/parts))
		if numbers == nil || !numbers.Shape().EqualDimensions(part.Shape()) {
			numbers = places(part)
		}
		for j, y := range sortedRows(part, numbers, falling, k) {
			all[j] = append(all[j], y)
		}
	}
	shape := append(slices.Clone(dims[:len(dims)-1]), k)
	joined := func(x []*graph.Node) *graph.Node { return graph.Reshape(graph.Concatenate(x, 0), shape...) }
	return joined(all[0]), joined(all[1])
}

// In how many parts rows are sorted: XLA's program for CPUs takes one processor for all rows that
// it is given, and works on several parts at once only where a graph has more steps than a few.
const (
	mostParts    = 16
	rowsTogether = 32
)

func partsOf(rows *graph.Node) int {
	if !strings.Contains(described(rows), "cpu") {
		return 1
	}
	return max(1, min(mostParts, rows.Shape().Dim(0)/rowsTogether))
}

// sortedRows are the values and the numbers of the k largest of each row. In this form, rows of a
// matrix with a number for each entry, XLA's compiler sees that no more than these are wanted.
func sortedRows(rows, numbers *graph.Node, falling *graph.Function, k int) []*graph.Node {
	all := graph.SortFunc(falling, -1, true, rows, numbers)
	for i, x := range all {
		all[i] = graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, k))
	}
	return all
}

// greater compares values that are sorted together with their places.
func greater(g *graph.Graph, dtype dtypes.DType) *graph.Function {
	return graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		a, b := graph.Parameter(g, "a", shapes.Make(dtype)), graph.Parameter(g, "b", shapes.Make(dtype))
		graph.Parameter(g, "place of a", shapes.Make(dtypes.Int32))
		graph.Parameter(g, "place of b", shapes.Make(dtypes.Int32))
		return []*graph.Node{graph.GreaterThan(a, b)}
	})
}

// upTo is true at the entries of each row that come before one by falling order, and at that one:
// its value and its place, [..., 1].
func upTo(x, value, place *graph.Node) *graph.Node {
	tied := graph.And(graph.Equal(x, value), graph.LessOrEqual(places(x), place))
	return graph.Or(graph.GreaterThan(x, value), tied)
}

// last is the last entry of each row of x, [..., 1].
func last(x *graph.Node) *graph.Node {
	return graph.Slice(x, graph.AxisRange().Spacer(), graph.AxisElem(-1))
}

// entry is the entry of each row of x at a place, [..., 1].
func entry(x, place *graph.Node) *graph.Node {
	return graph.ReduceAndKeep(graph.Where(graph.Equal(places(x), place), x, graph.ZerosLike(x)), graph.ReduceSum, -1)
}

// places are the numbers of the entries in their rows, int32.
func places(x *graph.Node) *graph.Node {
	return graph.Iota(x.Graph(), shapes.Make(dtypes.Int32, x.Shape().Dimensions...), -1)
}

// start is zero for each row of x, [..., 1].
func start(x *graph.Node) *graph.Node {
	dims := append([]int{}, x.Shape().Dimensions...)
	dims[len(dims)-1] = 1
	return graph.Zeros(x.Graph(), shapes.Make(dtypes.Int32, dims...))
}

// first is true at the k first entries of each row by falling order. from is 0 where k entries are
// not below it, and the lowest number elsewhere.
func first(order, k, from *graph.Node) *graph.Node {
	n := order.Shape().Dim(-1)
	border := lastBit(from, 30, func(candidate *graph.Node) *graph.Node {
		return graph.GreaterOrEqual(counted(graph.GreaterOrEqual(order, candidate)), k)
	})
	above := graph.GreaterThan(order, border)
	tied := graph.Equal(order, border)
	// how many of those at the border still belong to them: the first, up to a place that is
	// searched in the same way
	left := graph.Sub(k, counted(above))
	place := places(order)
	end := lastBit(start(order), bits.Len(uint(n))-1, func(candidate *graph.Node) *graph.Node {
		return graph.LessOrEqual(counted(graph.And(tied, graph.LessThan(place, candidate))), left)
	})
	return graph.Or(above, graph.And(tied, graph.LessThan(place, end)))
}

// lastBit is the largest whole number that holds, from this one on and less than 2^(top+1) above;
// all below it do too. top is its highest bit.
func lastBit(found *graph.Node, top int, holds func(candidate *graph.Node) *graph.Node) *graph.Node {
	for bit := top; bit >= 0; bit-- {
		candidate := graph.AddScalar(found, int32(1)<<bit)
		found = graph.Where(holds(candidate), candidate, found)
	}
	return found
}

// counted is how many entries of a row are true, [..., 1] int32.
func counted(mask *graph.Node) *graph.Node {
	return graph.ReduceAndKeep(graph.ConvertDType(mask, dtypes.Int32), graph.ReduceSum, -1)
}
