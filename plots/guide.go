package plots

// guideText is how far from its line a guide's label stands.
const guideText = 8.0

// drawGuides draws the reference lines; those off the axes are left out.
func (f *frame) drawGuides(s *scene) {
	crowd := f.crowd()
	for _, g := range f.axes.Guides {
		points := f.guide(g)
		if points == nil {
			continue
		}
		s.add(polyline{points: points, color: muted, width: 1, dash: []float64{5, 4}})
		s.add(f.guideLabel(g, points, crowd))
	}
}

// crowd is what labels of guides avoid: the lines and dots of the data in pixels, nil for none.
func (f *frame) crowd() [][]point {
	if f.data == nil || len(f.axes.Guides) == 0 {
		return nil
	}
	return f.data(f)
}

func (f *frame) guide(g Guide) []point {
	switch {
	case g.kind == horizontal && f.y.holds(g.at):
		return []point{{f.plot.x, f.y.at(g.at)}, {f.plot.right(), f.y.at(g.at)}}
	case g.kind == vertical && f.x.holds(g.at):
		return []point{{f.x.at(g.at), f.plot.bottom()}, {f.x.at(g.at), f.plot.y}}
	case g.kind == diagonal:
		lo, hi := max(f.x.lo, f.y.lo), min(f.x.hi, f.y.hi)
		if lo < hi {
			return []point{{f.x.at(lo), f.y.at(lo)}, {f.x.at(hi), f.y.at(hi)}}
		}
	}
	return nil
}

// guideLabel is the label of a guide, which goes through these points: at its end, or, if it is
// horizontal, where the least of the crowd lies in it.
func (f *frame) guideLabel(g Guide, points []point, crowd [][]point) text {
	last := points[len(points)-1]
	label := text{at: point{last.x - 3, last.y - guideText}, s: axisText(g.label), size: noteSize, color: muted, anchor: end}
	switch {
	case g.kind == vertical:
		label.at, label.anchor = point{last.x + 4, last.y + guideText}, start
	case g.kind == horizontal && crowd != nil:
		label.at, label.anchor = f.freest(label, crowd)
	}
	return label
}

// freest is where the label of a horizontal guide, given above its right end, is crossed least.
func (f *frame) freest(label text, crowd [][]point) (point, anchor) {
	best, least := label, -1
	for _, y := range []float64{label.at.y, label.at.y + 2*guideText} {
		if y-guideText < f.plot.y || y+guideText > f.plot.bottom() {
			continue
		}
		for _, side := range []struct {
			x      float64
			anchor anchor
		}{{f.plot.right() - 3, end}, {f.plot.x + 3, start}} {
			place := label
			place.at, place.anchor = point{side.x, y}, side.anchor
			if n := crossings(crowd, place.box()); least < 0 || n < least {
				best, least = place, n
			}
		}
	}
	return best.at, best.anchor
}

// box is what a text that is not turned covers.
func (t text) box() rect {
	from, w := t.extent()
	return rect{t.at.x + from, t.at.y - t.size/2, w, t.size}
}

// extent is how far from its place a text begins along its baseline, and how long it is.
func (t text) extent() (from, w float64) {
	w = textWidth(t.s, t.size, t.bold)
	return map[anchor]float64{start: 0, middle: -0.5, end: -1}[t.anchor] * w, w
}

// crossings is how many segments of lines, or dots, lie in a rectangle.
func crossings(lines [][]point, r rect) int {
	n := 0
	for _, line := range lines {
		for i, p := range line {
			from, to, ok := clipSegment(line[max(i-1, 0)], p, r.y, r.bottom())
			if ok && min(from.x, to.x) <= r.right() && max(from.x, to.x) >= r.x {
				n++
			}
		}
	}
	return n
}
