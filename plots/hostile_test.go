package plots_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math/rand"
	"strings"
	"testing"
	"unicode/utf8"

	"gopherlens/plots"
)

// hostileLabels are texts that broke figures elsewhere, and random ones.
func hostileLabels() []string {
	labels := []string{
		"", " ", "  two  ", "\n", "\t", "\r\n", "a\nb", `back\slash`, `\`, `\n`, "it's", `say "hi"`, "`tick`", "${x}", "{{x}}", "%d%s",
		"</script>", "</SCRIPT >", "<script>alert(1)</script>", "<!--", "-->", "]]>", "<![CDATA[", "<?xml", "&amp;", "&#0;", "<b>&", "a<b>c&d",
		"\"><img src=x onerror=alert(1)>", "'><svg/onload=alert(1)>", "javascript:alert(1)", "\x00", "\x01\x1f\x7f", "\u0085", "\u2028", "\u2029",
		"\ufeff", "\ufffe", "\uffff", "\U0010ffff", "\U000e0001", "\u200b", "\u200d", "\u202e reversed \u202c", "\u2066x\u2069", "مرحبا", "שלום", "שלום abc 12",
		"日本語", "한국어", "ไทย", "हिन्दी", "👩‍👩‍👧‍👦", "🇳🇱", "👍🏽", "❤️", "\u0301", "e\u0301", strings.Repeat("\u0301", 40),
		"\xe2", "\xe2\x98", "\xff\xfe", "ok\x80", "\xed\xa0\x80", strings.Repeat("long ", 400), "a\u00a0b", "Ġthe", "▁the", "<|endoftext|>",
		"__proto__", "constructor", "toString", "null", "undefined", "NaN", "Infinity", "true", "0", "-1", "1e999", "title", "image", "datum", "[0]", "a.b", "a[b]", "$schema",
	}
	random := rand.New(rand.NewSource(1))
	for len(labels) < 300 {
		label := make([]byte, 1+random.Intn(12))
		random.Read(label)
		labels = append(labels, string(label))
	}
	return labels
}

// hostileFigures makes a figure of every kind with the same labels everywhere.
// Label gives the i-th.
func hostileFigures(label func(i int) string) []sample {
	l := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = label(i)
		}
		return out
	}
	axes := func(a plots.Axes) plots.Axes {
		a.Title = label(0)
		return a
	}
	ranked := []plots.Ranked{{Token: label(0), Value: -1}, {Token: label(1), Value: -2}}
	return []sample{
		{"line", plots.Line(waves(3, 4), axes(plots.Axes{X: l(4), Series: l(3), XName: label(1), YName: label(2), Unit: label(3), Guides: []plots.Guide{plots.Horizontal(0.1, label(2))}}))},
		{"bar", plots.Bar(waves(2, 4), axes(plots.Axes{X: l(4), Series: l(2), XName: label(1), YName: label(2), Unit: label(3), Values: true}))},
		{"scatter", plots.Scatter(waves(1, 4)[0], waves(1, 4)[0], axes(plots.Axes{Names: l(4), ColorBy: []float64{0, 1, 0, 1}, Series: l(2), XName: label(1), YName: label(1), Unit: label(2)}))},
		{"scatter_numbers", plots.Scatter(waves(1, 4)[0], waves(1, 4)[0], axes(plots.Axes{Names: l(4), ColorBy: []float64{0, 1, 2, 3}, ColorName: label(1)}))},
		{"hist", plots.Hist(waves(2, 20), axes(plots.Axes{Series: l(2), XName: label(1), YName: label(1), Unit: label(2)}))},
		{"imshow", plots.Imshow([][][]float64{signed(2, 3), signed(2, 3)}, axes(plots.Axes{X: l(3), Y: l(2), Facets: l(2), FacetName: label(3), XName: label(1), YName: label(1), Unit: label(2), Values: true}))},
		{"imshow_frames", plots.Imshow([][][]float64{signed(2, 3), signed(2, 3)}, axes(plots.Axes{X: l(3), Y: l(2), Frames: l(2), FrameName: label(3)}))},
		{"imshow_text", plots.Imshow(signed(2, 3), axes(plots.Axes{Text: [][]string{l(3), l(3)}}))},
		{"logit_lens", plots.LogitLens(signed(2, 3), [][]string{l(3), l(3)}, axes(plots.Axes{X: l(3), Y: l(2), Unit: label(1)}))},
		{"head_scores", plots.HeadScores(signed(2, 3), axes(plots.Axes{X: l(3), Y: l(2), Unit: label(1)}))},
		{"top_tokens", plots.TopTokens([][]plots.Ranked{ranked, ranked}, axes(plots.Axes{X: l(2), Unit: label(1)}))},
		{"attention_pattern", plots.AttentionPattern(l(4), pattern(4, 1), axes(plots.Axes{Unit: label(1), XName: label(2), YName: label(3)}))},
		{"attention_heads", plots.AttentionHeads(l(4), [][][]float64{pattern(4, 1), pattern(4, 2)}, axes(plots.Axes{Facets: l(2)}))},
		{"colored_tokens", plots.ColoredTokens(l(4), signed(2, 4), axes(plots.Axes{Series: l(2), Unit: label(1)}))},
		{"text_activations", plots.TextActivations([]plots.TextSeries{
			{Layer: label(1) + "-", Name: label(2), Texts: plots.TextList{{Label: label(3), Tokens: l(4), Values: []float32{1, -2, 0, 3}}}},
			{Layer: label(2) + "-", Name: label(0), Texts: plots.TextList{{Label: label(1), Tokens: l(3), Values: []float32{1, 2, 0}}}}}, axes(plots.Axes{Unit: label(1)}))},
		{"text_neurons", plots.TextNeuronActivations(l(4), neuronGrid(4, 2, 2), axes(plots.Axes{Unit: label(1), Series: l(2)}))},
		{"logit_lens_table", plots.LogitLensTable(plots.RankedGrid{{{{Token: label(0), Value: 0.5}}, {{Token: label(1), Value: 1}, {Token: label(2), Value: 0}}}},
			axes(plots.Axes{X: l(2), Y: l(1), XName: label(3), YName: label(2), Unit: label(1)}))},
		{"attribution_graph", plots.AttributionGraph(bigGraph(24, 20, 4, 2, label), func(_, feature int) (plots.FeatureData, bool) {
			return plots.FeatureData{Number: feature, About: label(1), Up: ranked}, true
		}, axes(plots.Axes{}))},
		{"feature", plots.Feature(plots.FeatureData{About: label(1), Up: ranked, Down: ranked, Groups: []plots.TextSeries{{Name: label(2), Texts: plots.TextList{{Label: label(3), Tokens: l(4), Values: []float32{1, -2, 0, 3}}}}}}, axes(plots.Axes{Unit: label(3)}))},
		{"circuit", plots.CircuitGraph(plots.WiringList{Rows: l(2), Nodes: []plots.WiredNode{{Name: label(0)}, {Name: label(1), Row: 1}, {Name: label(2), Row: 1}},
			Edges: []plots.Wire{{From: 0, To: 1, Value: 1, Word: label(2)}, {From: 0, To: 2, Value: -1, Word: label(3)}}}, axes(plots.Axes{Unit: label(1)}))},
		{"token_log_probs", plots.TokenLogProbs(l(4), logProbs(3), [][]plots.Ranked{ranked, ranked, ranked}, axes(plots.Axes{}))},
	}
}

// hostileSamples are a few of these for the browser.
func hostileSamples() []sample {
	labels := hostileLabels()
	var out []sample
	for _, from := range []int{8, 28} {
		for _, s := range hostileFigures(func(i int) string { return labels[from+i] }) {
			out = append(out, sample{fmt.Sprintf("%s_%d", s.name, from), s.figure})
		}
	}
	return out
}

// TestHostileLabels puts every label into every place of every figure and reads
// the results back with parsers that know nothing of this package.
func TestHostileLabels(t *testing.T) {
	labels := hostileLabels()
	for from := 0; from < len(labels); from += 3 { // a figure takes at least three at a time
		figures := hostileFigures(func(i int) string { return labels[(from+i)%len(labels)] })
		for _, s := range figures {
			checkMarkup(t, fmt.Sprintf("%s with %q", s.name, labels[from]), s.figure)
		}
		if from%12 == 0 { // the PNG takes its time
			one := figures[from/12%len(figures)]
			checkBundle(t, fmt.Sprintf("%s with %q", one.name, labels[from]), one.figure)
		}
	}
}

// FuzzLabel does the same with any label at all.
func FuzzLabel(f *testing.F) {
	for _, l := range hostileLabels() {
		f.Add(l)
	}
	f.Fuzz(func(t *testing.T, label string) {
		for _, s := range hostileFigures(func(int) string { return label }) {
			checkMarkup(t, s.name, s.figure)
		}
	})
}

func checkMarkup(t *testing.T, name string, f plots.Figure) {
	t.Helper()
	svg, err := f.SVG()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	checkXML(t, name, svg)
	page, err := f.HTML()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	checkPage(t, name, string(page))
}

// checkXML parses strictly and looks for what a picture must not hold.
func checkXML(t *testing.T, name string, svg []byte) {
	t.Helper()
	if !utf8.Valid(svg) {
		t.Errorf("%s: the SVG is not UTF-8", name)
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e, ok := token.(xml.StartElement); ok && !svgElements[e.Name.Local] {
			t.Fatalf("%s: a label made an element <%s>", name, e.Name.Local)
		}
	}
}

// svgElements are all that a static picture is made of.
var svgElements = map[string]bool{"svg": true, "title": true, "desc": true, "g": true, "rect": true, "path": true, "circle": true, "text": true}

// checkPage takes the page apart at its script elements: each must be one of
// ours, and each JSON must parse.
func checkPage(t *testing.T, name, page string) {
	t.Helper()
	if !utf8.ValidString(page) {
		t.Errorf("%s: the page is not UTF-8", name)
	}
	parts := strings.Split(page, "<script")
	if len(parts) > 3 {
		t.Fatalf("%s: the page has %d scripts, a label made one", name, len(parts)-1)
	}
	for _, part := range parts[1:] {
		body, _, ok := strings.Cut(part, "</script>")
		if !ok {
			t.Fatalf("%s: a script does not end", name)
		}
		if data, isJSON := strings.CutPrefix(body, ` type="application/json">`); isJSON && !json.Valid([]byte(data)) {
			t.Fatalf("%s: the page's data does not parse", name)
		}
	}
	if strings.Contains(page, "onerror=alert(1)>") && !strings.Contains(page, "&gt;") {
		t.Errorf("%s: a label stands in the page unescaped", name)
	}
}

// TestBundles checks what a notebook gets of every figure: all parts there, and
// each readable by an outside parser.
func TestBundles(t *testing.T) {
	for _, s := range append(samples(), hostileSamples()[:15]...) {
		checkBundle(t, s.name, s.figure)
	}
}

func checkBundle(t *testing.T, name string, f plots.Figure) {
	t.Helper()
	bundle, err := f.Bundle()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	content, err := json.Marshal(bundle)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var parsed struct {
		SVG   string          `json:"image/svg+xml"`
		PNG   []byte          `json:"image/png"`
		Plain string          `json:"text/plain"`
		HTML  string          `json:"text/html"`
		Vega  json.RawMessage `json:"application/vnd.vegalite.v5+json"`
	}
	if err := json.Unmarshal(content, &parsed); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	checkXML(t, name, []byte(parsed.SVG))
	if _, err := png.Decode(bytes.NewReader(parsed.PNG)); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if parsed.Plain == "" || (parsed.HTML == "") == (parsed.Vega == nil) {
		t.Errorf("%s: want words and either markup or a specification", name)
	}
}
