package plots_test

import (
	"encoding/xml"
	"math"
	"strconv"
	"testing"

	"gopherlens/plots"
)

// Every figure is as wide as Axes.Width says.
func TestWidth(t *testing.T) {
	text, values := prompt(16), waves(1, 16)[0]
	figures := map[string]func(a plots.Axes) plots.Figure{
		"Line":             func(a plots.Axes) plots.Figure { return plots.Line(values, a) },
		"Bar":              func(a plots.Axes) plots.Figure { return plots.Bar(values, a) },
		"Scatter":          func(a plots.Axes) plots.Figure { return plots.Scatter(values, values, a) },
		"Hist":             func(a plots.Axes) plots.Figure { return plots.Hist(values, a) },
		"Imshow":           func(a plots.Axes) plots.Figure { return plots.Imshow(signed(12, 16), a) },
		"Imshow of three":  func(a plots.Axes) plots.Figure { return plots.Imshow(signed(2, 3), a) },
		"Imshow, square":   func(a plots.Axes) plots.Figure { return plots.Imshow(signed(12, 12), a) },
		"Imshow of facets": func(a plots.Axes) plots.Figure { return plots.Imshow([][][]float64{signed(8, 12), signed(8, 12)}, a) },
		"HeadScores":       func(a plots.Axes) plots.Figure { return plots.HeadScores(signed(12, 12), a) },
		"LogitLens": func(a plots.Axes) plots.Figure {
			return plots.LogitLens([][]float64{{-1, -2}}, [][]string{{" a", " electroencephalograms"}}, a)
		},
		"LogitLensTable":   func(a plots.Axes) plots.Figure { return plots.LogitLensTable(lensGrid(5, 16), a) },
		"AttentionPattern": func(a plots.Axes) plots.Figure { return plots.AttentionPattern(text, pattern(16, 3), a) },
		"AttentionHeads": func(a plots.Axes) plots.Figure {
			return plots.AttentionHeads(text, [][][]float64{pattern(16, 3), pattern(16, 2)}, a)
		},
		"ColoredTokens":         func(a plots.Axes) plots.Figure { return plots.ColoredTokens(text, values, a) },
		"TextActivations":       func(a plots.Axes) plots.Figure { return plots.TextActivations(neuronTexts(), a) },
		"TextNeuronActivations": func(a plots.Axes) plots.Figure { return plots.TextNeuronActivations(text, neuronGrid(16, 2, 3), a) },
		"CircuitGraph":          func(a plots.Axes) plots.Figure { return plots.CircuitGraph(wiring(5, 4), a) },
		"Feature":               func(a plots.Axes) plots.Figure { return plots.Feature(featureData(), a) },
		"AttributionGraph":      func(a plots.Axes) plots.Figure { return plots.AttributionGraph(graphDocument(), graphFeature, a) },
		"TokenLogProbs":         func(a plots.Axes) plots.Figure { return plots.TokenLogProbs(text, logProbs(15), guesses(15), a) },
		"TopTokens": func(a plots.Axes) plots.Figure {
			return plots.TopTokens([][]plots.Ranked{{{Token: " Mary", Value: 12.3}}}, a)
		},
	}
	for name, draw := range figures {
		for _, width := range []int{600, 1000, 1400} {
			svg, err := draw(plots.Axes{Width: width}).SVG()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			if got := svgWidth(t, svg); math.Abs(got-float64(width)) > 1 {
				t.Errorf("%s: %g pixels wide, Axes.Width asks for %d", name, got, width)
			}
		}
	}
}

func svgWidth(t *testing.T, svg []byte) float64 {
	t.Helper()
	var document struct {
		Width string `xml:"width,attr"`
	}
	if err := xml.Unmarshal(svg, &document); err != nil {
		t.Fatal(err)
	}
	width, err := strconv.ParseFloat(document.Width, 64)
	if err != nil {
		t.Fatal(err)
	}
	return width
}
