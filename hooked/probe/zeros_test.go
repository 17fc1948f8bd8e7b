package probe_test

import (
	"testing"

	"gopherlens/hooked/probe"
	"gopherlens/internal/zeros"
)

// TestZeros calls the package with what a failed step has left: nil models, rows and probes.
func TestZeros(t *testing.T) {
	zeros.CallMethods(t, probe.Rows{}, probe.Probe{}, probe.Fitted{}, probe.Regression{}, probe.Eraser{}, probe.Components{}, probe.Activations{},
		probe.Table{}, probe.Scores{}, probe.Positions{}, probe.Logistic{}, probe.Ridge{}, probe.Means{}, probe.FirstComponent{})
	zeros.CallFunctions(t, map[string]any{
		"NewRows": probe.NewRows, "RowsOf": probe.RowsOf, "Collect": probe.Collect, "Fit": probe.Fit, "Regress": probe.Regress, "PCA": probe.PCA,
		"LEACE": probe.LEACE, "NullSpace": probe.NullSpace, "ProjectOut": probe.ProjectOut, "FitAll": probe.FitAll, "ByLayer": probe.ByLayer,
		"At": probe.At, "AtEach": probe.AtEach,
	})
}
