package plots_test

import (
	"testing"

	"gopherlens/internal/zeros"
	"gopherlens/plots"
)

// TestZeros draws nothing, and calls the methods of figures that nobody has made.
func TestZeros(t *testing.T) {
	zeros.CallMethods(t, plots.Figure{}, plots.Axes{}, plots.Guide{}, plots.Ranked{}, plots.Colors(0), plots.TextList{}, plots.RankedGrid{}, plots.WiringList{}, plots.WiredNode{}, plots.Wire{})
	zeros.CallFunctions(t, map[string]any{
		"AttentionHeads": plots.AttentionHeads, "AttentionPattern": plots.AttentionPattern, "AttributionGraph": plots.AttributionGraph, "Bar": plots.Bar, "CircuitGraph": plots.CircuitGraph, "ColoredTokens": plots.ColoredTokens, "Feature": plots.Feature, "FeaturePage": plots.FeaturePage,
		"HeadScores": plots.HeadScores, "Hist": plots.Hist, "Imshow": plots.Imshow, "Line": plots.Line, "LogitLens": plots.LogitLens, "LogitLensTable": plots.LogitLensTable,
		"Scatter": plots.Scatter, "TextActivations": plots.TextActivations, "TextNeuronActivations": plots.TextNeuronActivations, "TokenLogProbs": plots.TokenLogProbs, "TopTokens": plots.TopTokens, "Top": plots.Top,
	})
}
