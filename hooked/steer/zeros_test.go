package steer_test

import (
	"testing"

	"gopherlens/hooked/steer"
	"gopherlens/internal/zeros"
)

// TestZeros calls the package with what a failed step has left: nil models, vectors and probes.
func TestZeros(t *testing.T) {
	zeros.CallMethods(t, steer.Vector{}, steer.Prompts{}, steer.Head{}, steer.Method(0), steer.InContext{})
	zeros.CallFunctions(t, map[string]any{
		"Contrast": steer.Contrast, "FromProbe": steer.FromProbe, "FromFeature": steer.FromFeature, "FromTensor": steer.FromTensor,
		"FunctionVector": steer.FunctionVector, "Load": steer.Load, "AddTo": steer.AddTo, "AddKeepingNorm": steer.AddKeepingNorm,
		"ProjectOut": steer.ProjectOut, "Clamp": steer.Clamp, "Steps": steer.Steps,
		"HeadEffects": steer.HeadEffects, "TopHeads": steer.TopHeads,
	})
}
