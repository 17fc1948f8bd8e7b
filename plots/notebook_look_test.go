package plots_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gopherlens/plots"
)

// The surer a lens is, the stronger (darker) is the cell: for log-probabilities and for
// probabilities.
func TestSureIsStrong(t *testing.T) {
	words := [][]string{{" a", " b", " c"}}
	guess := func(p float64) []plots.Ranked { return []plots.Ranked{{Token: " a", Value: p}} }
	for name, f := range map[string]plots.Figure{
		"log-probabilities":          plots.LogitLens([][]float64{{-5, -1, -0.01}}, words, plots.Axes{}),
		"log-probabilities, far off": plots.LogitLens([][]float64{{-5.2, -5.1, -5}}, words, plots.Axes{}),
		"log-probabilities, a range": plots.LogitLens([][]float64{{-5, -1, -0.01}}, words, plots.Axes{Low: -8, High: 0}),
		"probabilities":              plots.LogitLens([][]float64{{0.01, 0.4, 0.99}}, words, plots.Axes{}),
		"probabilities of a lens":    plots.LogitLensTable(plots.RankedGrid{{guess(0.01), guess(0.4), guess(0.99)}}, plots.Axes{}),
	} {
		svg, err := f.SVG()
		if err != nil {
			t.Fatal(err)
		}
		// the cells' paths come first, each in its colour and in units of cells
		var shades []int
		for _, m := range regexp.MustCompile(`fill="#(\w\w)(\w\w)(\w\w)" d="M\d 0h1v1`).FindAllStringSubmatch(string(svg), 3) {
			light := 0
			for _, channel := range m[1:] {
				v, _ := strconv.ParseInt(channel, 16, 0)
				light += int(v)
			}
			shades = append(shades, light)
		}
		if len(shades) != 3 || shades[0] < shades[1] || shades[1] <= shades[2] {
			t.Errorf("%s: lightness %v, want it to fall", name, shades)
		}
	}
}

// In a notebook a chart is as wide as the cell unless Axes.Width says how wide; where styles are
// stripped, a text in colours has its picture before it.
func TestNotebookWidth(t *testing.T) {
	for _, test := range []struct {
		name string
		of   func(plots.Axes) plots.Figure
	}{
		{"line", func(a plots.Axes) plots.Figure { return plots.Line(waves(2, 9), a) }},
		{"heat map", func(a plots.Axes) plots.Figure { return plots.Imshow(signed(6, 16), a) }},
	} {
		for _, width := range []int{0, 900} {
			spec, err := json.Marshal(test.of(plots.Axes{Width: width}).Vega())
			if err != nil {
				t.Fatal(err)
			}
			if asks := strings.Contains(string(spec), "containerSize"); asks != (width == 0) {
				t.Errorf("%s of width %d: the chart asks for the cell's width: %v", test.name, width, asks)
			}
		}
	}
	bundle, err := plots.ColoredTokens(prompt(4), []float64{1, 2, 3, 4}, plots.Axes{Width: 500}).Bundle()
	if err != nil {
		t.Fatal(err)
	}
	html := bundle["text/html"].(string)
	for _, want := range []string{`<img alt="Coloured tokens`, `style="display:none" src="data:image/png;base64,` + bundle["image/png"].(string)[:40], "max-width:500px"} {
		if !strings.Contains(html, want) {
			t.Errorf("the fragment lacks %s", want)
		}
	}
}

// Pictures of square matrices are square, side by side and alone, and facets of them are large
// enough to be read.
func TestSquarePictures(t *testing.T) {
	for _, test := range []struct{ facets, side, columns int }{{1, 15, 0}, {2, 43, 2}, {5, 20, 3}, {8, 43, 4}, {9, 12, 3}, {10, 30, 5}, {16, 20, 4}} {
		data := make([][][]float64, test.facets)
		for i := range data {
			data[i] = signed(test.side, test.side)
		}
		spec := plots.Imshow(data, plots.Axes{}).Vega()
		panel := spec
		if test.facets > 1 {
			panel = spec["spec"].(map[string]any)
			if got := spec["columns"]; got != test.columns {
				t.Errorf("%d facets stand in %v columns, want %d", test.facets, got, test.columns)
			}
		}
		if w, h := panel["width"].(int), panel["height"].(int); w != h || w < 100 {
			t.Errorf("%d facets of %d cells a side are %d × %d pixels", test.facets, test.side, w, h)
		}
	}
}

// A board is square, though its rows and columns have other names; a picture of many columns is as
// wide as the notebook's cell, however many rows there are.
func TestSquareBoards(t *testing.T) {
	files, ranks := []string{"a", "b", "c", "d", "e", "f"}, []string{"1", "2", "3", "4", "5", "6"}
	spec := plots.Imshow(signed(6, 6), plots.Axes{X: files, Y: ranks}).Vega()
	if w, h := spec["width"], spec["height"]; w != h {
		t.Errorf("a board is %v × %v pixels", w, h)
	}
	two := plots.Imshow([][][]float64{signed(6, 6), signed(6, 6)}, plots.Axes{X: files, Y: ranks}).Vega()["spec"].(map[string]any)
	if w, h := two["width"], two["height"]; w != h {
		t.Errorf("two boards are %v × %v pixels", w, h)
	}
	spec = plots.HeadScores(signed(12, 12), plots.Axes{Y: strings.Fields("a b c d e f g h i j k l")}).Vega()
	if !strings.Contains(fmt.Sprint(spec["params"]), "containerSize") {
		t.Error("twelve layers by twelve heads are not as wide as the notebook's cell")
	}
}

// Tokens that bring no spaces along, as words do, stand apart; others stand as the text does.
func TestWordsStandApart(t *testing.T) {
	for _, test := range []struct {
		tokens []string
		want   string
	}{
		{[]string{"one", "day", "Lily"}, "one</span> <span"},
		{[]string{"one", " day", " Lily"}, "one</span><wbr><span"},
		{[]string{"日本", "語", "です"}, "日本</span><wbr><span"},
	} {
		values := []float64{1, 2, 3}
		pattern := [][]float64{values, values, values}
		texts := plots.TextList{{Tokens: test.tokens, Values: []float32{1, 2, 3}}}
		for name, f := range map[string]plots.Figure{
			"coloured":    plots.ColoredTokens(test.tokens, values, plots.Axes{}),
			"attention":   plots.AttentionPattern(test.tokens, pattern, plots.Axes{}),
			"activations": plots.TextActivations([]plots.TextSeries{{Name: "a", Texts: texts}}, plots.Axes{}),
		} {
			bundle, err := f.Bundle()
			if err != nil {
				t.Fatal(err)
			}
			if html := bundle["text/html"].(string); !strings.Contains(html, test.want) {
				t.Errorf("%s: the text of %q lacks %q", name, test.tokens, test.want)
			}
		}
	}
}
