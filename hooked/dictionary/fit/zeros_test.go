package fit_test

import (
	"testing"

	"gopherlens/hooked/dictionary/fit"
	"gopherlens/internal/zeros"
)

func TestZeros(t *testing.T) {
	zeros.CallMethods(t, fit.Source{}, fit.Report{}, fit.Result{}, fit.Config{}, fit.Point{})
	zeros.CallFunctions(t, map[string]any{"Run": fit.Run, "Resume": fit.Resume, "FromStore": fit.FromStore, "FromModel": fit.FromModel,
		"FromArrays": fit.FromArrays})
}
