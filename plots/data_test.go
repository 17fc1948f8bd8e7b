package plots_test

import (
	"fmt"
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
		{"shape", plots.Line(tensor{[]int{3}, []float32{1}}, plots.Axes{}), "but gives 1 values"},
		{"labels", plots.Line([]float64{1, 2}, plots.Axes{X: []string{"a"}}), "Axes.X has 1 labels, the data has 2"},
		{"unused field", plots.Line([]float64{1}, plots.Axes{Facets: []string{"a"}}), "does not use Axes.Facets"},
		{"log of zero", plots.Line([]float64{0, 1}, plots.Axes{LogY: true}), "LogY needs values above 0"},
		{"scatter lengths", plots.Scatter([]float64{1, 2}, []float64{1}, plots.Axes{}), "y has 1 elements, x has 2"},
		{"scatter groups", plots.Scatter([]float64{1}, []float64{1}, plots.Axes{Series: []string{"a"}, ColorBy: []float64{2}}), "no index into the 1 names"},
		{"frames", plots.Imshow([][]float64{{1}}, plots.Axes{FrameName: "step"}), "need data of shape [frame, row, column]"},
		{"cell text", plots.Imshow([][]float64{{1, 2}}, plots.Axes{Text: [][]string{{"a"}}}), "Axes.Text[0] has 1 cells"},
		{"no words", plots.LogitLens([][]float64{{1}}, nil, plots.Axes{}), "no words"},
		{"tokens", plots.AttentionPattern([]string{"a"}, [][]float64{{1, 0}, {0, 1}}, plots.Axes{}), "there are 1 tokens"},
		{"no predictions", plots.LogitLensTable(nil, plots.Axes{}), "no data"},
		{"empty predictions", plots.LogitLensTable(plots.RankedGrid{}, plots.Axes{}), "0 rows"},
		{"no guess", plots.LogitLensTable(plots.RankedGrid{{nil}}, plots.Axes{}), "row 0, column 0: there are 0 tokens"},
		{"a logit", plots.LogitLensTable(plots.RankedGrid{{{{Token: "a", Value: 12}}}}, plots.Axes{}), "guess 0 has probability 12"},
		{"ragged predictions", plots.LogitLensTable(plots.RankedGrid{{{{Token: "a", Value: 1}}}, {}}, plots.Axes{}), "no cell in row 1, column 0"},
		{"texts", plots.TextActivations(nil, plots.Axes{}), "at least one series"},
		{"no texts", plots.TextActivations([]plots.TextSeries{{Name: "n"}}, plots.Axes{}), "series 0 (n): no data: it has no texts"},
		{"nil texts", plots.TextActivations([]plots.TextSeries{{Name: "n", Texts: (*plots.TextList)(nil)}}, plots.Axes{}), "reading *plots.TextList"},
		{"ragged texts", plots.TextActivations([]plots.TextSeries{{Texts: plots.TextList{{Tokens: []string{"a"}, Values: []float32{1, 2}}}}}, plots.Axes{}), "text 0 has 1 tokens and 2 values"},
		{"empty text", plots.TextActivations([]plots.TextSeries{{Texts: plots.TextList{{}}}}, plots.Axes{}), "text 0 has no tokens"},
		{"layers", plots.TextActivations([]plots.TextSeries{{Layer: "1", Texts: plots.TextList{{"", []string{"a"}, []float32{1}}}}, {Texts: plots.TextList{{"", []string{"a"}, []float32{1}}}}}, plots.Axes{}), "some series have a Layer"},
		{"series of texts", plots.TextActivations([]plots.TextSeries{{Texts: plots.TextList{{"", []string{"a"}, []float32{1}}}}}, plots.Axes{Series: []string{"a"}}), "does not use Axes.Series"},
		{"neurons", plots.TextNeuronActivations([]string{"a"}, [][][]float64{{{1}}, {{2}}}, plots.Axes{}), "there are 1 tokens"},
		{"coloured", plots.ColoredTokens([]string{"a"}, []float64{1, 2}, plots.Axes{}), "there are 1 tokens"},
		{"log-probability", plots.TokenLogProbs([]string{"a"}, []float64{0.5}, nil, plots.Axes{}), "not above 0"},
		{"ranked", plots.TopTokens([][]plots.Ranked{{{"a", 1}}, {}}, plots.Axes{}), "list 1 has 0 tokens"},
		{"size", plots.Line([]float64{1}, plots.Axes{Width: 1e6}), "pixels"},
		{"one end", plots.Line([]float64{1}, plots.Axes{Low: 2}), "Axes.Low (2) must be below Axes.High (0)"},
		{"no length", plots.Line([]float64{1}, plots.Axes{Low: 2, High: 2}), "Axes.Low (2) must be below Axes.High (2)"},
		{"end NaN", plots.Imshow([][]float64{{1}}, plots.Axes{High: nan}), "must be finite"},
		{"guide NaN", plots.Line([]float64{1}, plots.Axes{Guides: []plots.Guide{plots.Horizontal(nan, "")}}), "Axes.Guides[0] is at NaN"},
		{"guide on bars", plots.Bar([]float64{1}, plots.Axes{Guides: []plots.Guide{plots.Diagonal()}}), "Axes.Guides[0] is not horizontal"},
		{"guides", plots.Line([]float64{1}, plots.Axes{Guides: make([]plots.Guide, 101)}), "more than 100"},
		{"place NaN", plots.Line([]float64{1, 2}, plots.Axes{At: []float64{0, nan}}), "Axes.At[1] is NaN"},
		{"colours", plots.Imshow([][]float64{{1}}, plots.Axes{Colors: 7}), "Axes.Colors is 7"},
		{"colours of no numbers", plots.Scatter([]float64{1}, []float64{1}, plots.Axes{Colors: plots.Diverging}), "Axes.Colors needs Axes.ColorBy"},
		{"name of no numbers", plots.Scatter([]float64{1}, []float64{1}, plots.Axes{ColorName: "c"}), "Axes.ColorName needs Axes.ColorBy"},
		{"name beside groups", plots.Scatter([]float64{1}, []float64{1}, plots.Axes{ColorName: "c", ColorBy: []float64{0}, Series: []string{"a"}}), "exclude each other"},
		{"no colour", plots.Scatter([]float64{1}, []float64{1}, plots.Axes{ColorBy: []float64{nan}}), "Axes.ColorBy has no finite value"},
		{"facet name", plots.Imshow([][]float64{{1}}, plots.Axes{FacetName: "head"}), "Axes.FacetName"},
		{"numbers and words", plots.Imshow([][]float64{{1}}, plots.Axes{Values: true, Text: [][]string{{"a"}}}), "Axes.Values"},
		{"height of a text", plots.ColoredTokens([]string{"a"}, []float64{1}, plots.Axes{Height: 100}), "does not use Axes.Height"},
		{"guess", plots.TokenLogProbs([]string{"a"}, []float64{-1}, [][]plots.Ranked{{{Token: "a", Value: 5}}}, plots.Axes{}), "top[0][0] is 5"},
		{"many groups", plots.Scatter([]float64{1}, []float64{1}, plots.Axes{Series: make([]string, 201), ColorBy: []float64{0}}), "has 201 names"},
		{"samples of NaN", plots.Hist([][]float64{{nan}, {nan, nan}}, plots.Axes{}), "no finite value in its 2 samples"},
		{"ragged and large", plots.Imshow(raggedFrom(200_000), plots.Axes{}), "data is ragged: data[1] has 0 elements"},
		{"negative shape", plots.Imshow(tensor{[]int{-1, -1}, []float32{1}}, plots.Axes{}), "has shape [-1 -1] but gives 1 values"},
		{"huge shape", plots.Imshow(tensor{[]int{1 << 32, 1 << 32}, nil}, plots.Axes{}), "but gives 0 values"},
		{"long shape", plots.Imshow(tensor{make([]int, 10_000), []float32{1}}, plots.Axes{}), "and 9992 axes more"},
		{"bins", plots.Hist([]float64{1}, plots.Axes{Bins: -1}), "Axes.Bins is -1"},
		{"empty figure", plots.Figure{}, "empty Figure"},
	} {
		err := c.figure.Err()
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%s: a message of %d bytes", c.name, len(err.Error()))
		}
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

// raggedFrom has a first row that promises n×n values, and empty ones after it.
func raggedFrom(n int) [][]float64 {
	rows := make([][]float64, n)
	rows[0] = make([]float64, n)
	return rows
}

// TestTop: the largest first, the earlier of equals first, NaN after every number,
// by either of the two ways that find them.
func TestTop(t *testing.T) {
	row := []float64{math.NaN(), 1, math.Inf(-1), 7, 7, math.Inf(1), -2}
	for len(row) < 400 {
		row = append(row, -1000-float64(len(row)))
	}
	name := func(token int) string { return fmt.Sprint(token) }
	for k, want := range map[int]string{1: "5", 3: "5 3 4", 399: "5 3 4 1 6", 1000: "5 3 4 1 6"} {
		lists, err := plots.Top(row, k, name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range lists[0] {
			got = append(got, r.Token)
		}
		if n := min(k, len(row)); len(got) != n || strings.Join(got[:min(n, 5)], " ") != want {
			t.Errorf("k = %d: %d tokens, %v first, want %s", k, len(got), got[:min(n, 5)], want)
		}
		if k == 1000 && got[399] != "0" {
			t.Errorf("NaN is not the last: %v", got[395:])
		}
	}
	for _, k := range []int{0, -1} {
		if _, err := plots.Top(row, k, name); err == nil {
			t.Errorf("k = %d is taken", k)
		}
	}
	if _, err := plots.Top(row, 1, nil); err == nil {
		t.Error("a nil name is taken")
	}
}

// TestNothingFiniteKept: what is left of thinned data may be NaN alone.
func TestNothingFiniteKept(t *testing.T) {
	rows := spiked(400, 400)
	for y := range rows {
		for x := range rows[y] {
			if x%2 == 0 || y%2 == 0 {
				rows[y][x] = math.NaN()
			}
		}
	}
	nan := [][]float64{{math.NaN(), math.NaN()}, {math.NaN(), math.NaN()}}
	lines, pictures := repeated(nan[0], 201), repeated(nan, 129)
	lines[200], pictures[128] = []float64{1, 2}, [][]float64{{1, 2}, {3, 4}}
	words := []string{"a", "b"}
	for name, f := range map[string]plots.Figure{
		"line":      plots.Line(lines, plots.Axes{}),
		"log":       plots.Line(lines, plots.Axes{LogY: true}),
		"imshow":    plots.Imshow(rows, plots.Axes{}),
		"facets":    plots.Imshow(pictures, plots.Axes{}),
		"attention": plots.AttentionHeads(words, pictures, plots.Axes{}),
		"tokens":    plots.ColoredTokens(words, [][]float64{{1, 2}, nan[0]}, plots.Axes{}),
	} {
		bundle, err := f.Bundle()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkNumbers(t, []byte(bundle["image/svg+xml"].(string)))
		if words := bundle["text/plain"].(string); !strings.Contains(words, "none finite") {
			t.Errorf("%s: %q", name, words)
		}
	}
}

// TestOutside: with Low and High a line ends at the edge of the plot, and the
// figure says how many values and guides that leaves out.
func TestOutside(t *testing.T) {
	values := []float64{0.5, math.MaxFloat64, 0.2, -3, 0.9}
	guides := []plots.Guide{plots.Horizontal(7, "far"), plots.Vertical(40, "late")}
	fixed := plots.Axes{Low: 0, High: 1, Guides: guides}
	for name, f := range map[string]plots.Figure{
		"line":    plots.Line(values, fixed),
		"scatter": plots.Scatter([]float64{1, 2, 3, 4, 5}, values, fixed),
		"bar":     plots.Bar(values, plots.Axes{Low: 0, High: 1, Guides: guides[:1]}),
	} {
		svg := svgOf(t, f)
		checkNumbers(t, []byte(svg))
		for _, note := range []string{"2 outside the range shown", "off the axes"} {
			if !strings.Contains(svg, note) {
				t.Errorf("%s: no note %q", name, note)
			}
		}
	}
}

// TestBeyondVega: where the front end's arithmetic ends the bundle has the static
// picture alone, and the chart again just below.
func TestBeyondVega(t *testing.T) {
	for v, want := range map[float64]bool{1: true, 1e280: true, 1e300: false, 1e-280: true, 1e-310: false} {
		for name, f := range map[string]plots.Figure{
			"line":    plots.Line([]float64{-v, v}, plots.Axes{}),
			"scatter": plots.Scatter([]float64{-v, v}, []float64{1, 2}, plots.Axes{}),
			"imshow":  plots.Imshow([][]float64{{-v, v}}, plots.Axes{}),
			"log":     plots.Line([]float64{v, 2 * v}, plots.Axes{LogY: true}),
		} {
			bundle, err := f.Bundle()
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := bundle["application/vnd.vegalite.v5+json"]; ok != want {
				t.Errorf("%s of %v: a chart %v, want %v", name, v, ok, want)
			}
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
		"near":    plots.Line([]float64{5, 5 + 1e-15}, plots.Axes{}),
		"signs":   plots.Line([]float64{-1e308, 1e308}, plots.Axes{}),
	} {
		if svg := svgOf(t, f); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: a coordinate is not finite", name)
		}
	}
}
