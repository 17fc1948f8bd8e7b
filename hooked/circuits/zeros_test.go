package circuits_test

import (
	"testing"

	"gopherlens/hooked/circuits"
	"gopherlens/internal/zeros"
)

// TestZeros calls the package with what a failed step has left.
func TestZeros(t *testing.T) {
	zeros.CallMethods(t, circuits.Transcoders{}, circuits.Replacement{}, circuits.Graph{}, circuits.Pruned{}, circuits.Document{}, circuits.Outcome{}, circuits.Node{})
	zeros.CallFunctions(t, map[string]any{"Load": circuits.Load, "PerLayer": circuits.PerLayer, "CrossLayer": circuits.CrossLayer,
		"Replace": circuits.Replace, "ReadDocument": circuits.ReadDocument})
}
