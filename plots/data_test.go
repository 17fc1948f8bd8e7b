package plots_test

import (
	"math"
	"strings"
	"testing"

	"gopherlens/plots"
)

// tensor stands for another package's tensor: the methods, no import.
type tensor struct {
	shape  []int
	values []float32
}

func (t tensor) Shape() []int        { return t.shape }
func (t tensor) Float32s() []float32 { return t.values }

// grid also knows its labels and names, as a patching result does.
type grid struct{ tensor }

func (grid) AxisNames() []string { return []string{"layer", "position"} }
func (grid) AxisLabels(axis int) []string {
	return [][]string{{"L0", "L1"}, {" a", " b", " c"}}[axis]
}

// broken is a tensor whose buffer is gone.
type broken struct{ tensor }

func (broken) Float32s() []float32 { panic("buffer was freed") }

// TestInputsAgree draws the same numbers from every kind of source.
func TestInputsAgree(t *testing.T) {
	type mine float32
	want := svgOf(t, plots.Imshow([][]float64{{1, 2, 3}, {4, 5, 6}}, plots.Axes{}))
	for name, data := range map[string]any{
		"float32": [][]float32{{1, 2, 3}, {4, 5, 6}},
		"int":     [][]int{{1, 2, 3}, {4, 5, 6}},
		"named":   [][]mine{{1, 2, 3}, {4, 5, 6}},
		"any":     []any{[]any{1, 2.0, float32(3)}, []int{4, 5, 6}},
		"arrays":  [2][3]float64{{1, 2, 3}, {4, 5, 6}},
		"tensor":  tensor{[]int{2, 3}, []float32{1, 2, 3, 4, 5, 6}},
	} {
		if got := svgOf(t, plots.Imshow(data, plots.Axes{})); got != want {
			t.Errorf("%s gives another picture than [][]float64", name)
		}
	}
}

func svgOf(t *testing.T, f plots.Figure) string {
	t.Helper()
	svg, err := f.SVG()
	if err != nil {
		t.Fatal(err)
	}
	return string(svg)
}

func TestLabelsOfData(t *testing.T) {
	data := grid{tensor{[]int{2, 3}, []float32{1, 2, 3, 4, 5, 6}}}
	want := svgOf(t, plots.Imshow(data.tensor, plots.Axes{X: []string{" a", " b", " c"}, Y: []string{"L0", "L1"}, XName: "position", YName: "layer"}))
	if got := svgOf(t, plots.Imshow(data, plots.Axes{})); got != want {
		t.Error("labels and names that the data knows are not used")
	}
	if own := svgOf(t, plots.Imshow(data, plots.Axes{XName: "place"})); !strings.Contains(own, ">place<") {
		t.Error("a name in Axes does not win over the data's own")
	}
}

// TestBadData: every constructor refuses what it cannot draw and says why.
func TestBadData(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name   string
		figure plots.Figure
		want   string
	}{
		{"nil", plots.Line(nil, plots.Axes{}), "no data"},
		{"empty", plots.Line([]float64{}, plots.Axes{}), "no data"},
		{"empty rows", plots.Imshow([][]float64{{}, {}}, plots.Axes{}), "no data"},
		{"ragged", plots.Imshow([][]float64{{1, 2}, {3}}, plots.Axes{}), "data[1] has 1 elements, 2 were expected"},
		{"ragged deeper", plots.Imshow([][][]float64{{{1, 2}}, {{3}}}, plots.Axes{}), "data[1][0] has 1"},
		{"all NaN", plots.Bar([]float64{nan, nan}, plots.Axes{}), "no finite value"},
		{"rank", plots.Imshow([]float64{1, 2}, plots.Axes{}), "takes 2, 3 or 4 axes"},
		{"text", plots.Line([]string{"a"}, plots.Axes{}), "not a number"},
		{"number", plots.Line(3, plots.Axes{}), "want slices of numbers"},
		{"freed", plots.Line(broken{tensor{shape: []int{1}}}, plots.Axes{}), "buffer was freed"},
		{"shape", plots.Line(tensor{[]int{3}, []float32{1}}, plots.Axes{}), "gives 1 values"},
		{"labels", plots.Line([]float64{1, 2}, plots.Axes{X: []string{"a"}}), "Axes.X has 1 labels, the data has 2"},
		{"unused field", plots.Line([]float64{1}, plots.Axes{Facets: []string{"a"}}), "does not use Axes.Facets"},
		{"log of zero", plots.Line([]float64{0, 1}, plots.Axes{LogY: true}), "LogY needs values above 0"},
		{"scatter lengths", plots.Scatter([]float64{1, 2}, []float64{1}, plots.Axes{}), "y has 1 elements, x has 2"},
		{"scatter groups", plots.Scatter([]float64{1}, []float64{1}, plots.Axes{Series: []string{"a"}, ColorBy: []float64{2}}), "no index into the 1 names"},
		{"frames", plots.Imshow([][]float64{{1}}, plots.Axes{FrameName: "step"}), "need data of shape [frame, row, column]"},
		{"cell text", plots.Imshow([][]float64{{1, 2}}, plots.Axes{Text: [][]string{{"a"}}}), "Axes.Text[0] has 1 cells"},
		{"no words", plots.LogitLens([][]float64{{1}}, nil, plots.Axes{}), "no words"},
		{"tokens", plots.AttentionPattern([]string{"a"}, [][]float64{{1, 0}, {0, 1}}, plots.Axes{}), "there are 1 tokens"},
		{"coloured", plots.ColoredTokens([]string{"a"}, []float64{1, 2}, plots.Axes{}), "there are 1 tokens"},
		{"log-probability", plots.TokenLogProbs([]string{"a"}, []float64{0.5}, nil, plots.Axes{}), "not above 0"},
		{"ranked", plots.TopTokens([][]plots.Ranked{{{"a", 1}}, {}}, plots.Axes{}), "list 1 has 0 tokens"},
		{"size", plots.Line([]float64{1}, plots.Axes{Width: 1e6}), "pixels"},
		{"bins", plots.Hist([]float64{1}, plots.Axes{Bins: -1}), "Axes.Bins is -1"},
		{"empty figure", plots.Figure{}, "empty Figure"},
	} {
		err := c.figure.Err()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", c.name, err, c.want)
		}
		if _, svgErr := c.figure.SVG(); svgErr == nil {
			t.Errorf("%s: SVG gives no error", c.name)
		}
		if showErr := c.figure.Show(); showErr == nil {
			t.Errorf("%s: Show gives no error", c.name)
		}
	}
}

// TestSmallest: the smallest data there is draw without division by zero.
func TestSmallest(t *testing.T) {
	one := []float64{1}
	for name, f := range map[string]plots.Figure{
		"line":    plots.Line(one, plots.Axes{}),
		"zero":    plots.Line([]float64{0, 0}, plots.Axes{}),
		"log":     plots.Line(one, plots.Axes{LogY: true}),
		"bar":     plots.Bar([]float64{0}, plots.Axes{}),
		"scatter": plots.Scatter(one, one, plots.Axes{}),
		"hist":    plots.Hist(one, plots.Axes{}),
		"imshow":  plots.Imshow([][]float64{{0}}, plots.Axes{}),
		"heads":   plots.HeadScores([][]float64{{2}}, plots.Axes{}),
		"pattern": plots.AttentionPattern([]string{"a"}, [][]float64{{1}}, plots.Axes{}),
		"tokens":  plots.ColoredTokens([]string{"a"}, one, plots.Axes{}),
		"huge":    plots.Line([]float64{-1e300, 1e300}, plots.Axes{}),
		"tiny":    plots.Line([]float64{1e-300, 2e-300}, plots.Axes{}),
	} {
		if svg := svgOf(t, f); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: a coordinate is not finite", name)
		}
	}
}
