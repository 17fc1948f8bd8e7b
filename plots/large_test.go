package plots_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"gopherlens/plots"
)

// million is as much data as somebody draws by a slip.
const million = 1_000_000

func manyTokens(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(" t", i)
	}
	return out
}

func manyRanked(n int) []plots.Ranked {
	out := make([]plots.Ranked, n)
	for i := range out {
		out[i] = plots.Ranked{Token: "a", Value: -float64(i)}
	}
	return out
}

func repeated[T any](v T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// TestLarge: a million of anything is thinned or cut, which the figure says, and
// does not take the memory or the patience of a notebook.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	long, labels := spiked(1, million)[0], manyTokens(million)
	small := spiked(2, 2)
	guesses := repeated([]plots.Ranked{{Token: "a", Value: -1}}, 100)
	guesses[7] = manyRanked(million / 10)
	for _, c := range []struct {
		name string
		make func() plots.Figure
		note string
	}{
		{"line", func() plots.Figure { return plots.Line(long, plots.Axes{}) }, "1000000 points thinned"},
		{"labelled line", func() plots.Figure { return plots.Line(long, plots.Axes{X: labels}) }, "1000000 points thinned"},
		{"lines", func() plots.Figure { return plots.Line(spiked(million/10, 10), plots.Axes{}) }, "first 200 of 100000 lines"},
		{"bar", func() plots.Figure { return plots.Bar(long, plots.Axes{X: labels}) }, "1000000 bars thinned"},
		{"scatter", func() plots.Figure { return plots.Scatter(long, long, plots.Axes{Names: labels}) }, "10000 of 1000000 points"},
		{"hist", func() plots.Figure { return plots.Hist(long, plots.Axes{}) }, "1000000 values"},
		{"hists", func() plots.Figure { return plots.Hist(spiked(million/10, 10), plots.Axes{}) }, "first 50 of 100000 samples"},
		{"row", func() plots.Figure { return plots.Imshow([][]float64{long}, plots.Axes{X: labels}) }, "1 × 1000000 cells joined"},
		{"column", func() plots.Figure { return plots.Imshow(spiked(million, 1), plots.Axes{Y: labels}) }, "1000000 × 1 cells joined"},
		{"numbers", func() plots.Figure { return plots.Imshow(spiked(300, 300), plots.Axes{Values: true}) }, "no words in 90000 cells"},
		{"wide numbers", func() plots.Figure { return plots.Imshow(spiked(2, 4000), plots.Axes{Values: true}) }, "2 rows by 4000 columns"},
		{"words", func() plots.Figure {
			return plots.LogitLens(spiked(300, 300), repeated(labels[:300], 300), plots.Axes{})
		}, "no words in 90000 cells"},
		{"facets", func() plots.Figure { return plots.Imshow(repeat(small, million/10), plots.Axes{}) }, "first 64 of 100000 facets"},
		{"frames", func() plots.Figure {
			return plots.Imshow(repeat(small, million/10), plots.Axes{FrameName: "step"})
		}, "500 of 100000 frames, evenly chosen"},
		{"heads", func() plots.Figure { return plots.HeadScores(spiked(1000, 1000), plots.Axes{}) }, "1000 × 1000 cells joined"},
		{"attention", func() plots.Figure {
			return plots.AttentionHeads(labels[:2], repeat(small, million/10), plots.Axes{})
		}, "first 128 of 100000 heads"},
		{"tokens", func() plots.Figure { return plots.ColoredTokens(labels, long, plots.Axes{}) }, "first 4000 of 1000000 tokens"},
		{"quantities", func() plots.Figure {
			return plots.ColoredTokens(labels[:2], spiked(million/10, 2), plots.Axes{})
		}, "first 32 of 100000 quantities"},
		{"text", func() plots.Figure {
			return plots.TextActivations([]plots.TextSeries{{Texts: plots.TextList{{Tokens: labels, Values: make([]float32, million)}}}}, plots.Axes{})
		}, "first 4000 of 1000000 tokens"},
		{"texts", func() plots.Figure {
			text := plots.ValuedText{Label: "a", Tokens: labels[:100], Values: repeated(float32(1.0/3), 100)}
			return plots.TextActivations(repeated(plots.TextSeries{Layer: "layer", Name: "neuron", Texts: plots.TextList(repeated(text, 20))}, million/10), plots.Axes{})
		}, "first 100 of 100000 series"},
		{"neurons", func() plots.Figure {
			return plots.TextNeuronActivations(labels[:3], neuronGrid(3, 100, 1000), plots.Axes{})
		}, "first 5000 of 100000 series"},
		{"lens", func() plots.Figure {
			return plots.LogitLensTable(plots.RankedGrid(repeated(repeated(repeated(plots.Ranked{Token: "a", Value: 0.5}, 5), million/100), 30)), plots.Axes{})
		}, "first 266 of 10000 columns"},
		{"guesses", func() plots.Figure {
			return plots.TokenLogProbs(labels[:100], repeated(-1.0, 100), guesses, plots.Axes{})
		}, "first 50 of 100000 guesses"},
		{"lists", func() plots.Figure {
			return plots.TopTokens(repeated(manyRanked(1), million/10), plots.Axes{X: labels[:million/10]})
		}, "first 4000 of 100000 lists"},
		{"ranks", func() plots.Figure {
			return plots.TopTokens(repeated(manyRanked(million/10), 3), plots.Axes{})
		}, "first 1333 of 100000 ranks"},
	} {
		start := time.Now()
		checkLarge(t, c.name, c.make(), c.note)
		took := time.Since(start)
		t.Logf("%s: %v", c.name, took.Round(time.Millisecond))
		if took > 30*time.Second { // a second or less on a quiet machine
			t.Errorf("%s takes %v", c.name, took)
		}
	}
}

func checkLarge(t *testing.T, name string, f plots.Figure, note string) {
	t.Helper()
	bundle, err := f.Bundle()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if words := bundle["text/plain"].(string); !strings.Contains(words, note) {
		t.Errorf("%s: no note %q in %.300q", name, note, words)
	}
	content, err := json.Marshal(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if most := 8 << 20; len(content) > most {
		t.Errorf("%s: the bundle has %d bytes", name, len(content))
		for mime, part := range bundle {
			content, _ := json.Marshal(part)
			t.Logf("%s: %d", mime, len(content))
		}
	}
}
