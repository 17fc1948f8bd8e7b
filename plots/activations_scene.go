package plots

import "slices"

func (a *activations) scene() *scene {
	s := &scene{title: visible(a.axes.Title), about: a.describe(), w: orDefault(a.axes.Width, tokenWidth)}
	background := box{rect: rect{0, 0, s.w, 0}, fill: white, opacity: 1}
	s.add(background)
	texts, notes := a.shown()
	y := drawHeading(s, a.axes.Title, slices.Concat(a.notes, notes)) + gap
	for i, n := range texts {
		if n > 0 {
			y = a.drawSeries(s, &a.series[i], n, y)
		}
	}
	s.h = y
	background.h = y
	s.shapes[0] = background
	return s
}

// drawSeries draws the first n texts of a series from y downwards.
func (a *activations) drawSeries(s *scene, series *activationSeries, n int, y float64) float64 {
	y = drawStrip(s, series.ramp, valueTitle(series.title(), a.axes.Unit), y)
	for _, t := range series.texts[:n] {
		if t.label != "" {
			s.add(text{at: point{gap, y + noteSize*lineHeight/2}, s: clipWidth(visible(t.label), noteSize, s.w-2*gap, false), size: noteSize, color: muted})
			y += noteSize * lineHeight
		}
		y = drawTokens(s, t.tokens, t.values, series.ramp, func(k int) []string { return series.tip(t, k) }, y) + gap/2
	}
	return y + gap
}
