package plots

import "math"

// special is a value that no ramp holds, and how often the data has it.
type special struct {
	name  string
	color rgb
	n     int
}

// specials counts what is not finite, in a fixed order.
func specials(values []float64) []special {
	all := []special{{name: "NaN", color: nanColor}, {name: "+∞", color: plusInfinity}, {name: "−∞", color: minusInfinity}}
	for _, v := range values {
		switch {
		case math.IsNaN(v):
			all[0].n++
		case math.IsInf(v, 1):
			all[1].n++
		case math.IsInf(v, -1):
			all[2].n++
		}
	}
	var present []special
	for _, s := range all {
		if s.n > 0 {
			present = append(present, s)
		}
	}
	return present
}

const barWidth = 14.0

// colorBarWidth is the room that drawColorBar needs.
func colorBarWidth(r ramp, name string, odd []special) float64 {
	w := 0.0
	for _, t := range r.ticks() {
		w = max(w, textWidth(t.label, labelSize, false))
	}
	for _, o := range odd {
		w = max(w, textWidth(o.name, labelSize, false))
	}
	w += barWidth + tickLength + 2*gap
	if name != "" {
		w += nameSize * lineHeight
	}
	return w
}

func (r ramp) ticks() []tick { return scale{lo: r.lo, hi: r.hi}.ticks(5) }

// drawColorBar draws the ramp upright in place, its ticks and name to the right
// and, below it, a swatch for each special value.
func drawColorBar(s *scene, r ramp, name string, odd []special, place rect) {
	const swatch = 11.0
	bar := place
	bar.w, bar.h = barWidth, place.h-float64(len(odd))*(swatch+gap)
	s.add(barCells(r, bar))
	y := scale{lo: r.lo, hi: r.hi, from: bar.bottom(), to: bar.y}
	right := bar.right() + tickLength
	for _, t := range r.ticks() {
		s.add(polyline{points: []point{{bar.right(), y.at(t.at)}, {right, y.at(t.at)}}, color: muted, width: 1},
			text{at: point{right + 2, y.at(t.at)}, s: t.label, size: labelSize, color: muted})
	}
	for i, o := range odd {
		top := bar.bottom() + gap + float64(i)*(swatch+gap)
		s.add(box{rect: rect{bar.x, top, barWidth, swatch}, fill: o.color, opacity: 1},
			text{at: point{right + 2, top + swatch/2}, s: o.name, size: labelSize, color: muted})
	}
	x := place.x + colorBarWidth(r, name, odd) - gap - nameSize/2
	drawRotatedName(s, name, point{x - gap/2, bar.y + bar.h/2}, bar.h)
}

// barCells cuts the ramp into steps too fine to be seen.
func barCells(r ramp, place rect) cells {
	const steps = 64
	c := cells{rect: place, colors: make([][]rgb, steps)}
	for i := range c.colors {
		t := (float64(steps-i) - 0.5) / steps
		c.colors[i] = []rgb{r.at(along(r.lo, r.hi, t))}
	}
	return c
}
