package examples_test

import (
	"testing"

	"gopherlens/hooked/examples"
	"gopherlens/internal/zeros"
)

// TestZeros calls the package with what a failed step has left.
func TestZeros(t *testing.T) {
	zeros.CallMethods(t, examples.Found{}, examples.Feature{}, examples.Texts{})
	zeros.CallFunctions(t, map[string]any{
		"Find": examples.Find, "FindStored": examples.FindStored, "Merge": examples.Merge, "Open": examples.Open, "Of": examples.Of, "Entries": examples.Entries, "Neurons": examples.Neurons,
		"HeadNorms": examples.HeadNorms, "HeadProjections": examples.HeadProjections, "Directions": examples.Directions, "TextsOf": examples.TextsOf,
	})
}
