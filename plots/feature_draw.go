package plots

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Lists of tokens that a feature raises and lowers, in the static picture.
const (
	wordRow   = 18.0
	wordWidth = 180.0
)

func (f *feature) scene() *scene {
	s := &scene{title: visible(f.axes.Title), about: f.describe(), w: orDefault(f.axes.Width, tokenWidth)}
	background := box{rect: rect{0, 0, s.w, 0}, fill: white, opacity: 1}
	s.add(background)
	y := drawHeading(s, f.axes.Title, f.notes()) + gap
	y = max(f.drawWords(s, "raises", f.data.Up, point{gap, y}), f.drawWords(s, "lowers", f.data.Down, point{gap + wordWidth, y}), f.drawHist(s, y))
	if f.examples != nil {
		texts := f.examples.scene()
		texts.shapes = texts.shapes[1:] // its page
		s.place(texts, point{0, y})
		y += texts.h
	}
	s.h = y
	background.h = y
	s.shapes[0] = background
	return s
}

// notes are the lines below the title.
func (f *feature) notes() (notes []string) {
	for _, note := range []string{f.data.About, f.facts()} {
		if note != "" {
			notes = append(notes, note)
		}
	}
	return notes
}

func (f *feature) drawWords(s *scene, heading string, tokens []Ranked, at point) float64 {
	if len(tokens) == 0 {
		return at.y
	}
	s.add(text{at: point{at.x, at.y + wordRow/2}, s: heading, size: labelSize, color: muted})
	at.y += wordRow
	for _, r := range tokens {
		fill := f.ramp.at(r.Value)
		s.add(box{rect: rect{at.x, at.y, wordWidth - gap, wordRow - 2}, fill: fill, opacity: 1},
			text{at: point{at.x + 3, at.y + wordRow/2 - 1}, s: clipWidth(visibleToken(r.Token), nameSize, wordWidth-70, false), size: nameSize, color: fill.ink()},
			text{at: point{at.x + wordWidth - gap - 3, at.y + wordRow/2 - 1}, s: f.ramp.text(r.Value), size: labelSize, color: fill.ink(), anchor: end})
		s.spots = append(s.spots, spot{X: at.x + wordWidth/2, Y: at.y + wordRow/2, Tip: []string{clip(visibleToken(r.Token), hoverLength), f.ramp.text(r.Value)}})
		at.y += wordRow
	}
	return at.y + gap
}

func (f *feature) drawHist(s *scene, y float64) float64 {
	if f.hist == nil {
		return y
	}
	h := f.hist.scene()
	h.shapes = h.shapes[1:] // its page
	s.place(h, point{max(0, s.w-h.w), y})
	return y + h.h
}

// fragment needs a script for the examples alone, which bring their own.
func (f *feature) fragment() string {
	var b strings.Builder
	b.WriteString(fragmentOpen("gl-feature", f.axes))
	b.WriteString(noteLines(f.notes()))
	f.writeWords(&b, "raises", f.data.Up)
	f.writeWords(&b, "lowers", f.data.Down)
	if f.hist != nil {
		s := f.hist.scene()
		fmt.Fprintf(&b, "<img alt=\"%s\" width=\"%s\" height=\"%s\" style=\"vertical-align:top\" src=\"data:image/svg+xml;base64,%s\">\n",
			escape(f.hist.describe()), coord(s.w), coord(s.h), base64.StdEncoding.EncodeToString(s.svg()))
	}
	if f.examples != nil {
		b.WriteString(f.examples.fragment())
	}
	b.WriteString("</div>")
	return b.String()
}

func (f *feature) coloured() {}

func (f *feature) writeWords(b *strings.Builder, heading string, tokens []Ranked) {
	if len(tokens) == 0 {
		return
	}
	b.WriteString(`<table style="display:inline-table;vertical-align:top;border-collapse:collapse;font-size:12px;line-height:1.3;margin:0 12px 8px 0">`)
	fmt.Fprintf(b, `<thead><tr><th scope="col" colspan="2" style="text-align:left;font-weight:normal">%s</th></tr></thead><tbody>`, heading)
	for _, r := range tokens {
		fmt.Fprintf(b, `<tr style="%s"><td style="text-align:left;padding:1px 6px;white-space:pre" title="%s"><bdi>%s</bdi></td><td style="padding:1px 6px">%s</td></tr>`,
			colorStyle(f.ramp.at(r.Value)), escape(hoverText(r.Token)), escape(clip(visibleToken(r.Token), axisLabelLength)), f.ramp.text(r.Value))
	}
	b.WriteString("</tbody></table>\n")
}
