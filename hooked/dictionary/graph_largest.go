package dictionary

import (
	"math/bits"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// largest is true at the k largest entries of each row of x, which has none below zero; of equal
// ones the first count. Sorting a row would take longer than computing it, and backends differ in
// what they can sort: the border is searched bit by bit, each by one count of the row.
func largest(x *graph.Node, k int) *graph.Node {
	n := x.Shape().Dim(-1)
	if k >= n {
		return graph.BroadcastToDims(graph.Const(x.Graph(), true), x.Shape().Dimensions...)
	}
	x = graph.StopGradient(x)
	order := graph.Bitcast(x, dtypes.Int32) // floats that are not negative are ordered like their bits
	want := graph.Scalar(x.Graph(), dtypes.Int32, k)
	border := lastBit(order, 30, func(candidate *graph.Node) *graph.Node {
		return graph.GreaterOrEqual(counted(graph.GreaterOrEqual(order, candidate)), want)
	})
	above := graph.GreaterThan(order, border)
	tied := graph.Equal(order, border)
	// how many of those at the border still belong to them: the first, up to a place that is
	// searched in the same way
	left := graph.Sub(want, counted(above))
	place := graph.Iota(x.Graph(), shapes.Make(dtypes.Int32, x.Shape().Dimensions...), -1)
	end := lastBit(order, bits.Len(uint(n))-1, func(candidate *graph.Node) *graph.Node {
		return graph.LessOrEqual(counted(graph.And(tied, graph.LessThan(place, candidate))), left)
	})
	return graph.Or(above, graph.And(tied, graph.LessThan(place, end)))
}

// lastBit is the largest whole number, one for each row of like, that holds; all below it do too.
// top is its highest bit.
func lastBit(like *graph.Node, top int, holds func(candidate *graph.Node) *graph.Node) *graph.Node {
	dims := append(leading(like), 1)
	found := graph.Zeros(like.Graph(), shapes.Make(dtypes.Int32, dims...))
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
