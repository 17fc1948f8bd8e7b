package plots_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"gopherlens/plots"
)

// zeros is a [rows][columns] grid with one spike.
func spiked(rows, columns int) [][]float64 {
	out := make([][]float64, rows)
	for y := range out {
		out[y] = make([]float64, columns)
	}
	out[rows/3][columns/3] = -7.25 // a number that nothing else in a picture is
	return out
}

// TestThinning: beyond its limit each figure says what it left out, stays small,
// and keeps the spike in its data.
func TestThinning(t *testing.T) {
	const most = 6 << 20 // bytes of a notebook's output that a browser takes with ease
	long := spiked(1, 500_000)[0]
	tokens := make([]string, 20_000)
	for _, c := range []struct {
		name   string
		figure plots.Figure
		note   string
		spike  bool
	}{
		{"line", plots.Line(long, plots.Axes{}), "500000 points thinned", true},
		{"lines", plots.Line(spiked(300, 10), plots.Axes{}), "first 200 of 300 lines", true},
		{"bar", plots.Bar(long, plots.Axes{}), "500000 bars thinned", true},
		{"scatter", plots.Scatter(long, long, plots.Axes{}), "of 500000 points", false},
		{"hist", plots.Hist(long, plots.Axes{}), "", false},
		{"imshow", plots.Imshow(spiked(900, 900), plots.Axes{}), "900 × 900 cells joined", true},
		{"facets", plots.Imshow([][][]float64(repeat(spiked(4, 4), 100)), plots.Axes{}), "first 64 of 100 facets", true},
		{"attention", plots.AttentionHeads(tokens[:300], repeat(spiked(300, 300), 20), plots.Axes{}), "tokens", false},
		{"tokens", plots.ColoredTokens(tokens, long[:20_000], plots.Axes{Low: -1, High: 1}), "", false},
	} {
		bundle, err := c.figure.Bundle()
		if c.name == "tokens" && err == nil {
			err = mustNote(bundle, "first 4000 of 20000 tokens")
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		content, err := json.Marshal(bundle)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > most {
			t.Errorf("%s: the bundle has %d bytes", c.name, len(content))
		}
		if !strings.Contains(bundle["text/plain"].(string), c.note) {
			t.Errorf("%s: no note %q in %q", c.name, c.note, bundle["text/plain"])
		}
		if c.spike && !strings.Contains(string(content), "-7.25") {
			t.Errorf("%s: the spike was thinned away", c.name)
		}
	}
}

func mustNote(bundle map[string]any, note string) error {
	if !strings.Contains(bundle["text/plain"].(string), note) {
		return &noteError{note, bundle["text/plain"].(string)}
	}
	return nil
}

type noteError struct{ want, got string }

func (e *noteError) Error() string { return "no note " + e.want + " in " + e.got }

func repeat(grid [][]float64, n int) [][][]float64 {
	out := make([][][]float64, n)
	for i := range out {
		out[i] = grid
	}
	return out
}

// TestNotFinite: NaN and both infinities are to be seen in every picture of
// numbers and named in words.
func TestNotFinite(t *testing.T) {
	values := []float64{1, math.NaN(), math.Inf(1), math.Inf(-1)}
	tokens := []string{"a", "b", "c", "d"}
	for name, f := range map[string]plots.Figure{
		"line":   plots.Line(values, plots.Axes{}),
		"bar":    plots.Bar(values, plots.Axes{}),
		"imshow": plots.Imshow([][]float64{values}, plots.Axes{}),
		"tokens": plots.ColoredTokens(tokens, values, plots.Axes{}),
		"hist":   plots.Hist(values, plots.Axes{}),
	} {
		svg := svgOf(t, f)
		bundle, err := f.Bundle()
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"1 NaN", "1 +∞", "1 −∞"} {
			if !strings.Contains(svg, word) || !strings.Contains(bundle["text/plain"].(string), word) {
				t.Errorf("%s: %q is not said", name, word)
			}
		}
	}
}
