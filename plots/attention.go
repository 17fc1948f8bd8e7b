package plots

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limits of an attention view; what is beyond them is left out, which the
// figure says.
const (
	AttentionHeadsShown = 128
	AttentionValues     = 300_000 // heads times queries times keys
)

// attention is where heads look: a heat map [head, query, key] that is also a
// page to explore.
type attention struct {
	grid   *heatmap // of all heads, for the static picture
	one    *heatmap // of the first head, large
	tokens []string
	heads  []string // names; nil for a single head
	values []float64
	notes  []string
}

// AttentionPattern draws one head's attention, of shape [query, key]: who looks
// (rows) at what (columns). Values may be signed, as attributions are. In a
// notebook the tokens below it show, for the token under the pointer, where it
// looks or who looks at it.
func AttentionPattern(tokens []string, pattern any, axes Axes) Figure {
	a, err := newAttention("AttentionPattern", tokens, pattern, axes, 2)
	return figure("AttentionPattern", a, err)
}

// AttentionHeads draws the attention of several heads, of shape [head, query,
// key]: a thumbnail for each, named by Axes.Facets. In a notebook the pointer
// on a thumbnail previews the head and a click holds it.
func AttentionHeads(tokens []string, patterns any, axes Axes) Figure {
	a, err := newAttention("AttentionHeads", tokens, patterns, axes, 3)
	return figure("AttentionHeads", a, err)
}

func newAttention(kind string, tokens []string, data any, axes Axes, rank int) (*attention, error) {
	if err := axes.check(kind, "Height XName YName Unit Facets Colors Low High"); err != nil {
		return nil, err
	}
	values, err := readArray(data, rank)
	if err != nil {
		return nil, err
	}
	v := values.withLeading(3)
	if v.shape[1] != len(tokens) || v.shape[2] != len(tokens) {
		return nil, fmt.Errorf("there are %d tokens, but the attention has shape %v: want as many queries and keys", len(tokens), values.shape)
	}
	if rank == 3 {
		if axes.Facets, err = labelled("Facets", axes.Facets, v.axisLabels(3), v.shape[0]); err != nil {
			return nil, err
		}
		if axes.Facets == nil {
			axes.Facets = mapLabels(indexLabels(v.shape[0]), func(i string) string { return "head " + i })
		}
	}
	axes.XName, axes.YName = orElse(axes.XName, "key"), orElse(axes.YName, "query")
	a := &attention{tokens: tokens}
	a.cut(&v, &axes)
	return a, a.draw(kind, v, axes)
}

// cut leaves out heads, and then the last tokens, beyond the limits.
func (a *attention) cut(v *array, axes *Axes) {
	heads, n := v.shape[0], v.shape[1]
	keptHeads := min(heads, AttentionHeadsShown)
	kept := min(n, int(math.Sqrt(float64(AttentionValues/keptHeads))))
	if keptHeads < heads {
		a.notes = append(a.notes, fmt.Sprintf("first %d of %d heads", keptHeads, heads))
		axes.Facets = axes.Facets[:keptHeads]
	}
	if kept < n {
		a.notes = append(a.notes, fmt.Sprintf("first %d of %d tokens", kept, n))
	}
	var values []float64
	for head := range keptHeads {
		for query := range kept {
			from := (head*n + query) * n
			values = append(values, v.values[from:from+kept]...)
		}
	}
	a.tokens, a.values = a.tokens[:kept], values
	*v = array{shape: []int{keptHeads, kept, kept}, values: values}
}

// draw makes the heat maps, all in the colours of the whole.
func (a *attention) draw(kind string, v array, axes Axes) error {
	a.heads = axes.Facets
	axes.X, axes.Y = a.tokens, a.tokens
	grid, err := a.heatmap(kind, v, axes)
	if err != nil {
		return err
	}
	n := len(a.tokens)
	axes.Facets, axes.Title = nil, ""
	one, err := a.heatmap(kind, array{shape: []int{n, n}, values: v.values[:n*n]}, axes)
	if err != nil {
		return err
	}
	one.ramp, one.specials = grid.ramp, grid.specials
	a.grid, a.one = grid, one
	return nil
}

func (a *attention) heatmap(kind string, v array, axes Axes) (*heatmap, error) {
	h := &heatmap{kind: kind, axes: axes, tokens: true}
	if axes.Facets == nil && v.shape[0] == 1 {
		v.shape = v.shape[1:]
	}
	if err := h.readShape(v); err != nil {
		return nil, err
	}
	h.readNames(v)
	h.ramp, h.specials = newRamp(v.values, axes), specials(v.values)
	h.notes = slices.Concat(a.notes, noteSpecials(v.values, greyNames))
	return h, nil
}

func (a *attention) scene() *scene { return a.grid.scene() }

func (a *attention) describe() string {
	return strings.Replace(a.grid.describe(), "Heat map", "Attention", 1)
}

// fragment is the page: thumbnails, the large picture of the first head and
// the tokens coloured by where the last one looks. The script adds the rest.
func (a *attention) fragment() string {
	var b strings.Builder
	b.WriteString(fragmentOpen("gl-attention", a.grid.axes))
	b.WriteString(noteLines(a.grid.notes))
	a.writeThumbnails(&b)
	s := a.one.scene()
	fmt.Fprintf(&b, "<div class=\"gl-big\" style=\"position:relative\"><img class=\"gl-map\" alt=\"%s\" width=\"%s\" height=\"%s\" src=\"data:image/svg+xml;base64,%s\"></div>\n",
		escape(a.describe()), coord(s.w), coord(s.h), base64.StdEncoding.EncodeToString(s.svg()))
	a.writeTokens(&b)
	b.WriteString(fragmentLive(a.model(s), attentionScript))
	return b.String()
}

func (a *attention) writeThumbnails(b *strings.Builder) {
	if a.heads == nil {
		return
	}
	b.WriteString("<div class=\"gl-heads\">\n")
	for i, name := range a.heads {
		fmt.Fprintf(b, `<button type="button" style="display:inline-block;margin:2px;padding:3px;text-align:center;line-height:1.3"><img alt="" width="%d" height="%[1]d" src="data:image/png;base64,%s" style="display:block;margin:0 auto"><span style="font-size:11px">%s</span></button>`+"\n",
			a.thumbnailSide(), base64.StdEncoding.EncodeToString(a.thumbnail(i)), escape(axisText(name)))
	}
	b.WriteString("</div>\n")
}

// thumbnailSide is a whole number of pixels a cell where that comes near 72.
func (a *attention) thumbnailSide() int {
	n := len(a.tokens)
	return min(n*max(1, 72/n), 96)
}

// thumbnail is head i as a PNG with whole pixels a cell.
func (a *attention) thumbnail(i int) []byte {
	n := len(a.tokens)
	side := float64(n * max(1, 72/n))
	s := &scene{w: side / pngScale, h: side / pngScale}
	c := cells{rect: rect{0, 0, s.w, s.h}, colors: make([][]rgb, n)}
	for q := range n {
		for _, v := range a.grid.row(i, q) {
			c.colors[q] = append(c.colors[q], a.grid.ramp.at(v))
		}
	}
	s.add(c)
	data, err := s.png()
	if err != nil {
		return nil // encoding into memory does not fail
	}
	return data
}

// writeTokens colours the tokens by the attention of the last one.
func (a *attention) writeTokens(b *strings.Builder) {
	last := len(a.tokens) - 1
	name := ""
	if a.heads != nil {
		name = axisText(a.heads[0]) + ": "
	}
	fmt.Fprintf(b, "<div class=\"gl-said\">%swhere %s looks</div>\n<div class=\"gl-text\" dir=\"ltr\" style=\"white-space:pre-wrap\">",
		escape(name), escape(clip(visibleToken(a.tokens[last]), axisLabelLength)))
	between := betweenTokens(a.tokens)
	for k, token := range a.tokens {
		fmt.Fprintf(b, `<span style="%s;unicode-bidi:isolate">%s</span>%s`,
			colorStyle(a.grid.ramp.at(a.grid.row(0, last)[k])), escape(clip(visibleToken(token), hoverLength)), between)
	}
	b.WriteString("</div>\n" + rampLegend(a.grid.ramp, orElse(a.grid.axes.Unit, "attention")))
}

// model is what the script needs: values by their names where not finite.
func (a *attention) model(s *scene) object {
	g := s.spots[0].Grid
	heads := list{}
	for _, name := range a.heads {
		heads = append(heads, axisText(name))
	}
	values := make(list, len(a.values))
	for i, v := range a.values {
		values[i] = vegaNumber(v, a.grid.ramp.digits+2)
	}
	r := a.grid.ramp
	return object{
		"Width": s.w, "X": g.X, "Y": g.Y, "W": g.W, "H": g.H,
		"Heads": heads, "Tokens": mapLabels(a.tokens, func(t string) string { return clip(visibleToken(t), hoverLength) }),
		"Query": visible(a.grid.yName), "Key": visible(a.grid.xName), "Unit": visible(orElse(a.grid.axes.Unit, "attention")),
		"Values": values, "Low": r.lo, "High": r.hi, "Digits": r.digits, "Stops": hexes(r.stops),
		"Odd": object{"NaN": nanColor.hex(), "+∞": plusInfinity.hex(), "−∞": minusInfinity.hex()},
	}
}
