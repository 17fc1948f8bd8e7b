package plots

import (
	_ "embed"
	"fmt"
	"math"
	"strings"
)

//go:embed assets/activations.js
var activationsScript string

// fragment shows the first texts of each series; the script puts one series with all of its texts,
// and pickers, in their place.
func (a *activations) fragment() string {
	var b strings.Builder
	b.WriteString(fragmentOpen("gl-activations", a.axes))
	b.WriteString(noteLines(a.notes))
	texts, notes := a.shown()
	b.WriteString("<div class=\"gl-shown\">\n" + noteLines(notes))
	for i, n := range texts {
		if n > 0 {
			b.WriteString(a.staticSeries(&a.series[i], n))
		}
	}
	b.WriteString("</div>\n" + fragmentLive(a.model(), activationsScript))
	return b.String()
}

func (a *activations) coloured() {}

// textStyle is that of a text of tokens.
const textStyle = `dir="ltr" style="white-space:pre-wrap"`

func (a *activations) staticSeries(s *activationSeries, n int) string {
	var b strings.Builder
	b.WriteString(rampLegend(s.ramp, valueTitle(s.title(), a.axes.Unit)))
	for _, t := range s.texts[:n] {
		if t.label != "" {
			b.WriteString(`<div style="font-size:85%;opacity:0.8">` + escape(hoverText(t.label)) + "</div>\n")
		}
		b.WriteString(`<div class="gl-text" ` + textStyle + ">")
		between := betweenTokens(t.tokens)
		for k, token := range t.tokens {
			b.WriteString(tokenSpan(token, s.ramp.at(t.values[k]), s.tip(t, k), between))
		}
		b.WriteString("</div>\n")
	}
	return b.String()
}

// paletteSteps are the colours between a ramp's ends.
const paletteSteps = 64

// palette are a ramp's colours from its low end to its high one with their inks, then those of NaN
// and the infinities. It is the same for all ramps of the same stops.
func (r ramp) palette() list {
	r.lo, r.hi = 0, paletteSteps
	out := list{}
	add := func(c rgb) { out = append(out, list{c.hex(), c.ink().hex()}) }
	for i := range paletteSteps + 1 {
		add(r.at(float64(i)))
	}
	add(nanColor)
	add(minusInfinity)
	add(plusInfinity)
	return out
}

// shade is the place of v's colour in the palette.
func (r ramp) shade(v float64) int {
	switch {
	case math.IsNaN(v):
		return paletteSteps + 1
	case math.IsInf(v, -1):
		return paletteSteps + 2
	case math.IsInf(v, 1):
		return paletteSteps + 3
	}
	return int(math.Round(paletteSteps * min(max(part(v, r.lo, r.hi), 0), 1)))
}

// model is what the script draws from. Each token's text stands in it once.
func (a *activations) model() object {
	words := &wordTable{index: make(map[string]int)}
	palettes, numbers := list{}, make(map[string]int) // by their stops
	series := list{}
	for i := range a.series {
		s := &a.series[i]
		texts := list{}
		for _, t := range s.texts {
			ids, shades, values := list{}, list{}, list{}
			for k, token := range t.tokens {
				ids, shades, values = append(ids, words.id(token)), append(shades, s.ramp.shade(t.values[k])), append(values, s.ramp.text(t.values[k]))
			}
			texts = append(texts, object{"Label": hoverText(t.label), "Apart": apart(t.tokens), "Words": ids, "Shades": shades, "Values": values})
		}
		stops := fmt.Sprint(s.ramp.stops)
		if _, ok := numbers[stops]; !ok {
			numbers[stops] = len(palettes)
			palettes = append(palettes, s.ramp.palette())
		}
		series = append(series, object{"Layer": hoverText(s.layer), "Name": orElse(hoverText(s.name), "values"), "Texts": texts, "Palette": numbers[stops],
			"Low": s.ramp.text(s.ramp.lo), "High": s.ramp.text(s.ramp.hi), "Most": a.strongest(s, s.high, words), "Least": a.strongest(s, s.low, words)})
	}
	return object{"Palettes": palettes, "Words": words.words, "Breaks": words.breaks, "Unit": visible(a.axes.Unit), "Series": series}
}

func (a *activations) strongest(s *activationSeries, tokens []Ranked, words *wordTable) list {
	out := list{}
	for _, r := range tokens {
		out = append(out, list{words.id(r.Token), s.ramp.shade(r.Value), s.ramp.text(r.Value)})
	}
	return out
}

// A wordTable numbers tokens by how they are written.
type wordTable struct {
	index  map[string]int
	words  list
	breaks list // the numbers of those that end a line
}

func (w *wordTable) id(token string) int {
	if i, ok := w.index[token]; ok {
		return i
	}
	i := len(w.words)
	w.index[token] = i
	w.words = append(w.words, clip(visibleToken(token), hoverLength))
	if strings.HasSuffix(token, "\n") {
		w.breaks = append(w.breaks, i)
	}
	return i
}
