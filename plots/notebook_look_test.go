package plots_test

import (
	"encoding/json"
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
