package plots

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Limits of a coloured text; the rest is left out, which the figure says.
const (
	TokenLimit      = 4000 // tokens, counted once for each quantity
	TokenQuantities = 32
)

// A tokenText is a text whose tokens are coloured by one or several quantities.
type tokenText struct {
	kind       string
	axes       Axes
	tokens     []string
	quantities []quantity
	notes      []string
	top        [][]Ranked // the predictions at each token, nil for none
}

// quantity is one number a token.
type quantity struct {
	name   string
	values []float64
	ramp   ramp
}

// ColoredTokens draws a text whose tokens are coloured by values of shape
// [token], or [quantity, token] to switch between (Axes.Series names them).
// White is zero, blue more, red less; each quantity has its own range unless
// Axes.Low and Axes.High fix it.
func ColoredTokens(tokens []string, values any, axes Axes) Figure {
	t, err := newColoredTokens(tokens, values, axes)
	return figure("ColoredTokens", t, err)
}

func newColoredTokens(tokens []string, values any, axes Axes) (*tokenText, error) {
	if err := axes.check("ColoredTokens", "Series Unit Colors Low High"); err != nil {
		return nil, err
	}
	a, err := readArray(values, 1, 2)
	if err != nil {
		return nil, err
	}
	a = a.withLeading(2)
	if a.shape[1] != len(tokens) {
		return nil, fmt.Errorf("there are %d tokens, values of shape %v have %d", len(tokens), a.shape, a.shape[1])
	}
	names, err := labelled("Series", axes.Series, a.axisLabels(2), a.shape[0])
	if err != nil {
		return nil, err
	}
	if names == nil {
		names = indexLabels(a.shape[0])
		if len(names) == 1 {
			names = []string{""}
		}
	}
	t := &tokenText{kind: "Coloured tokens", axes: axes, tokens: tokens}
	rows := a.rows()
	if n := len(rows); n > TokenQuantities {
		t.notes = append(t.notes, fmt.Sprintf("first %d of %d quantities", TokenQuantities, n))
		rows = rows[:TokenQuantities]
	}
	for i, row := range rows {
		t.add(valueTitle(names[i], axes.Unit), row)
	}
	t.cut()
	return t, nil
}

func (t *tokenText) add(name string, values []float64) {
	t.quantities = append(t.quantities, quantity{name, values, newRamp(values, t.axes)})
	t.notes = append(t.notes, noteSpecials(values, greyNames)...)
}

// cut leaves out the tokens beyond the limit, a limit for all quantities together.
func (t *tokenText) cut() {
	n, limit := len(t.tokens), max(1, TokenLimit/len(t.quantities))
	if n <= limit {
		return
	}
	t.notes = append(t.notes, fmt.Sprintf("first %d of %d tokens", limit, n))
	t.tokens = t.tokens[:limit]
	for i := range t.quantities {
		t.quantities[i].values = t.quantities[i].values[:limit]
	}
	if t.top != nil {
		t.top = t.top[:limit]
	}
}

func (t *tokenText) describe() string {
	var b strings.Builder
	if t.axes.Title != "" {
		b.WriteString(visible(t.axes.Title) + ". ")
	}
	fmt.Fprintf(&b, "%s: %s", t.kind, count(len(t.tokens), "token", "tokens"))
	for _, q := range t.quantities {
		fmt.Fprintf(&b, "; %s %s", orElse(visible(q.name), "values"), rangeText(q.values))
	}
	b.WriteString(".")
	for _, note := range t.notes {
		b.WriteString(" " + note + ".")
	}
	return b.String()
}

// The static picture's text.
const (
	tokenSize   = 13.0
	tokenHeight = 22.0
	tokenWidth  = 760.0
)

func (t *tokenText) scene() *scene {
	s := &scene{title: visible(t.axes.Title), about: t.describe(), w: orDefault(t.axes.Width, tokenWidth)}
	background := box{rect: rect{0, 0, s.w, 0}, fill: white, opacity: 1}
	s.add(background)
	y := drawHeading(s, t.axes.Title, t.notes) + gap
	for i := range t.quantities {
		y = t.drawQuantity(s, i, y)
	}
	s.h = y
	background.h = y
	s.shapes[0] = background
	return s
}

// drawQuantity draws the text with one quantity's colours from y downwards.
func (t *tokenText) drawQuantity(s *scene, i int, y float64) float64 {
	q := t.quantities[i]
	y = drawStrip(s, q.ramp, q.name, y)
	return drawTokens(s, t.tokens, q.values, q.ramp, func(k int) []string { return t.tip(i, k) }, y) + gap
}

// drawTokens draws a text in the colours of its values from y downwards, and returns where it ends.
func drawTokens(s *scene, tokens []string, values []float64, r ramp, tip func(k int) []string, y float64) float64 {
	x, between := gap, 0.0
	if apart(tokens) {
		between = tokenSize / 3
	}
	for k, token := range tokens {
		word := clip(visibleToken(token), axisLabelLength)
		w := textWidth(word, tokenSize, false) + 2
		if x+w > s.w-gap && x > gap {
			x, y = gap, y+tokenHeight
		}
		fill := r.at(values[k])
		s.add(box{rect: rect{x, y, w, tokenHeight - 3}, fill: fill, opacity: 1},
			text{at: point{x + 1, y + tokenHeight/2 - 1}, s: word, size: tokenSize, color: fill.ink()})
		s.spots = append(s.spots, spot{X: x + w/2, Y: y + tokenHeight/2, Tip: tip(k)})
		x += w + between
		if strings.HasSuffix(token, "\n") && k < len(tokens)-1 {
			x, y = gap, y+tokenHeight
		}
	}
	return y + tokenHeight
}

// drawStrip draws a colour bar that lies down, with its ends and name.
func drawStrip(s *scene, r ramp, name string, y float64) float64 {
	const height = 10.0
	low := r.text(r.lo)
	x := gap + textWidth(low, noteSize, false) + 4
	bar := barCells(r, rect{x, y, 120, height})
	row := make([]rgb, len(bar.colors))
	for i, c := range bar.colors {
		row[len(row)-1-i] = c[0]
	}
	bar.colors = [][]rgb{row}
	label := r.text(r.hi)
	if name != "" {
		label += "   " + clip(visible(name), hoverLength)
	}
	s.add(bar, text{at: point{gap, y + height/2}, s: low, size: noteSize, color: muted},
		text{at: point{bar.right() + 4, y + height/2}, s: label, size: noteSize, color: muted})
	return y + height + gap
}

// tip is what the pointer shows on token k, all quantities included.
func (t *tokenText) tip(i, k int) []string {
	lines := []string{fmt.Sprintf("%d: %s", k, clip(visibleToken(t.tokens[k]), hoverLength))}
	for _, q := range t.quantities {
		lines = append(lines, orElse(visible(q.name), "value")+": "+q.ramp.text(q.values[k]))
	}
	if t.top != nil {
		lines = append(lines, t.topLines(k)...)
	}
	return lines
}

// fragment shows all quantities one below the other; the script turns them into
// one with buttons.
func (t *tokenText) fragment() string {
	var b strings.Builder
	b.WriteString(fragmentOpen("gl-tokens", t.axes))
	b.WriteString(noteLines(t.notes))
	for i, q := range t.quantities {
		fmt.Fprintf(&b, "<div class=\"gl-quantity\" title=\"%s\">\n", escape(hoverText(q.name)))
		b.WriteString(rampLegend(q.ramp, q.name))
		b.WriteString("<div class=\"gl-text\" dir=\"ltr\" style=\"white-space:pre-wrap\">")
		between := betweenTokens(t.tokens)
		for k, token := range t.tokens {
			b.WriteString(tokenSpan(token, q.ramp.at(q.values[k]), t.tip(i, k), between))
		}
		b.WriteString("</div></div>\n")
	}
	b.WriteString(fragmentLive(t.tips(), tokensScript))
	return b.String()
}

func (t *tokenText) coloured() {}

// betweenTokens lets a line end between two tokens: their spaces are shown as dots, at
// which no browser breaks.
func betweenTokens(tokens []string) string {
	if apart(tokens) {
		return " "
	}
	return "<wbr>"
}

// apart tells whether tokens need a space between them: none has one of its own, as those of a
// model of whole words, and it is no script that is written without.
func apart(tokens []string) bool {
	spaced := func(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unspaced...) }
	return !slices.ContainsFunc(tokens, func(t string) bool { return strings.ContainsFunc(t, spaced) })
}

var unspaced = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

// tokenSpan is one token: coloured, and with its numbers as a plain title for the
// readers that run no script; behind it, what stands between tokens.
func tokenSpan(token string, c rgb, tip []string, between string) string {
	if strings.HasSuffix(token, "\n") {
		between = "<br>"
	}
	return fmt.Sprintf(`<span style="%s;unicode-bidi:isolate" title="%s">%s</span>%s`,
		colorStyle(c), escape(strings.Join(tip, "\n")), escape(clip(visibleToken(token), hoverLength)), between)
}

// tips are what the script shows: the names, and per token a heading, its
// numbers and the table of predictions.
func (t *tokenText) tips() object {
	names, tips := list{}, list{}
	for _, q := range t.quantities {
		names = append(names, orElse(hoverText(q.name), "value"))
	}
	for k := range t.tokens {
		tip := object{"Lines": t.tip(0, k)}
		if t.top != nil {
			tip["Lines"] = t.tip(0, k)[:1+len(t.quantities)]
			tip["Rows"] = t.topRows(k)
		}
		tips = append(tips, tip)
	}
	return object{"Names": names, "Tips": tips}
}
