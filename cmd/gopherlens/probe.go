package main

import (
	"fmt"
	"reflect"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/backend"
)

// The smallest product that tells a transposed or a wrong result: [2, 3] x [3, 2].
var (
	probeLeft    = [][]float32{{1, 2, 3}, {4, 5, 6}}
	probeRight   = [][]float32{{7, 8}, {9, 10}, {11, 12}}
	probeProduct = [][]float32{{58, 64}, {139, 154}} // exact in float32
)

// probeBackend opens the chosen backend and multiplies two matrices on it. It returns how many
// devices there are.
func probeBackend() (devices int, err error) {
	b, choice, err := backend.New()
	if err != nil {
		return 0, err
	}
	exec, err := graph.NewExec(b, func(left, right *graph.Node) *graph.Node {
		return graph.Dot(left, right).MatMul()
	})
	if err != nil {
		return 0, fmt.Errorf("backend %q: %w", choice.Config, err)
	}
	product, err := exec.Call1(probeLeft, probeRight)
	if err != nil {
		return 0, fmt.Errorf("backend %q: %w", choice.Config, err)
	}
	if got := product.Value(); !reflect.DeepEqual(got, probeProduct) {
		return 0, fmt.Errorf("backend %q multiplies wrongly: got %v, want %v", choice.Config, got, probeProduct)
	}
	return b.NumDevices(), nil
}
