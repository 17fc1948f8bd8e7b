package activations_test

import (
	"testing"

	"gopherlens/hooked/activations"
	"gopherlens/internal/zeros"
)

// TestZeroValues calls every exported method of every exported type on its zero value and on nil,
// with zero arguments: each returns, or panics with an error of its own words.
func TestZeroValues(t *testing.T) {
	zeros.CallMethods(t, activations.Store{}, activations.Batch{}, activations.Moments{}, activations.Norms{}, activations.Statistics{},
		activations.Config{}, activations.Reading{}, activations.Site{}, activations.About{}, activations.Progress{})
	zeros.CallFunctions(t, map[string]any{"Harvest": activations.Harvest, "Open": activations.Open})
}
