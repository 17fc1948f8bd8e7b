package lens_test

import (
	"testing"

	"gopherlens/hooked/lens"
	"gopherlens/internal/zeros"
)

// TestZeros calls the package with what a failed step has left: nil models, caches and tensors.
func TestZeros(t *testing.T) {
	zeros.CallMethods(t, lens.PromptTest{}, lens.Table{}, lens.TunedLens{})
	zeros.CallFunctions(t, map[string]any{
		"FullOV": lens.FullOV, "FullQK": lens.FullQK, "PositionQK": lens.PositionQK, "PreviousTokenScores": lens.PreviousTokenScores,
		"CopyingScores": lens.CopyingScores, "PreviousToken": lens.PreviousToken, "DuplicateToken": lens.DuplicateToken,
		"Induction": lens.Induction, "Given": lens.Given, "DetectHead": lens.DetectHead, "LogitLensRunScale": lens.LogitLensRunScale,
		"LogitLensOwnScale": lens.LogitLensOwnScale, "Capped": lens.Capped, "LogitDiffDirections": lens.LogitDiffDirections,
		"HeadAttribution": lens.HeadAttribution, "LayerAttribution": lens.LayerAttribution, "TestPrompt": lens.TestPrompt,
		"HeadVectors": lens.HeadVectors, "ReadingVectors": lens.ReadingVectors, "LogitLensTable": lens.LogitLensTable, "NewTunedLens": lens.NewTunedLens, "FitTunedLens": lens.FitTunedLens,
		"OpenTunedLens": lens.OpenTunedLens, "StreamsOf": lens.StreamsOf, "StreamsFrom": lens.StreamsFrom, "WritingVectors": lens.WritingVectors, "TopTokens": lens.TopTokens,
	})
}
