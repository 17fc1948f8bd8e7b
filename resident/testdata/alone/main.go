// Command alone computes with the resident backend and links no other.
package main

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/resident"
)

func main() {
	backend := compute.MustNew()
	how := "one backend"
	if compute.MustNew() != backend {
		how = "two backends"
	}
	sum, err := graph.CallOnce(backend, func(x *graph.Node) *graph.Node {
		return graph.Reshape(graph.ReduceAllSum(graph.Mul(x, x)), 1)
	}, []float32{3, 3, 1})
	if err != nil {
		panic(err)
	}
	state, err := resident.Status()
	if err != nil {
		panic(err)
	}
	fmt.Println(sum.Value(), "of", how, "in", slices.Sorted(slices.Values(state.Backends))[0])
}
