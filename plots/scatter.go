package plots

import (
	"cmp"
	"fmt"
	"math"
)

// Limits of a scatter plot. Beyond the points every k-th one is drawn, which the
// figure says; more series are an error.
const (
	ScatterPoints = 10_000
	ScatterSeries = 200
)

type scatterChart struct {
	axes   Axes
	points []sampled
	ramp   *ramp // nil unless Axes.ColorBy holds numbers
	frame  frame
}

// sampled is one point of a scatter plot.
type sampled struct {
	x, y, color float64
	name        string
}

// Scatter draws the points (x[i], y[i]); both are of shape [point]. Axes.Names
// names the points; Axes.ColorBy colours them by a number, or, where
// Axes.Series is set, by the series whose index it holds.
//
// A point with a coordinate that is not finite is marked at the plot's edge.
func Scatter(x, y any, axes Axes) Figure {
	c, err := newScatter(x, y, axes)
	return figure("Scatter", c, err)
}

func newScatter(x, y any, axes Axes) (*scatterChart, error) {
	if err := axes.check("Scatter", "Height XName YName Unit Names ColorBy ColorName Colors Series LogX LogY Guides Low High"); err != nil {
		return nil, err
	}
	xs, err := readArray(x, 1)
	if err != nil {
		return nil, fmt.Errorf("x: %w", err)
	}
	ys, err := readArray(y, 1)
	if err != nil {
		return nil, fmt.Errorf("y: %w", err)
	}
	c := &scatterChart{axes: axes}
	if err := c.read(xs, ys); err != nil {
		return nil, err
	}
	return c, c.setUpFrame(xs, ys)
}

func (c *scatterChart) read(xs, ys array) error {
	n := len(xs.values)
	for _, l := range []struct {
		what string
		n    int
		set  bool
	}{
		{"y", len(ys.values), true},
		{"Axes.Names", len(c.axes.Names), c.axes.Names != nil},
		{"Axes.ColorBy", len(c.axes.ColorBy), c.axes.ColorBy != nil},
	} {
		if l.set && l.n != n {
			return fmt.Errorf("%s has %d elements, x has %d", l.what, l.n, n)
		}
	}
	if err := cmp.Or(c.checkColors(), c.checkGroups()); err != nil {
		return err
	}
	every := (n + ScatterPoints - 1) / ScatterPoints
	for i := 0; i < n; i += every {
		p := sampled{x: xs.values[i], y: ys.values[i], name: fmt.Sprint(i)}
		if c.axes.Names != nil {
			p.name = c.axes.Names[i]
		}
		if c.axes.ColorBy != nil {
			p.color = c.axes.ColorBy[i]
		}
		c.points = append(c.points, p)
	}
	return nil
}

// checkColors refuses what would do nothing without ColorBy, or beside Series.
func (c *scatterChart) checkColors() error {
	a := c.axes
	for _, l := range []struct {
		field string
		set   bool
	}{{"ColorName", a.ColorName != ""}, {"Colors", a.Colors != Auto}} {
		switch {
		case l.set && a.ColorBy == nil:
			return fmt.Errorf("Axes.%s needs Axes.ColorBy: one number a point", l.field)
		case l.set && a.Series != nil:
			return fmt.Errorf("Axes.%s and Axes.Series exclude each other: the points take the colours of their series", l.field)
		}
	}
	if a.ColorBy != nil && !anyFinite(a.ColorBy) {
		return fmt.Errorf("Axes.ColorBy has no finite value among its %d", len(a.ColorBy))
	}
	return nil
}

// checkGroups makes sure that ColorBy indexes Series, if that is set.
func (c *scatterChart) checkGroups() error {
	if c.axes.Series == nil {
		return nil
	}
	if c.axes.ColorBy == nil {
		return fmt.Errorf("Axes.Series needs Axes.ColorBy: the index of the series of each point")
	}
	if n := len(c.axes.Series); n > ScatterSeries {
		return fmt.Errorf("Axes.Series has %d names, more than the %d that a scatter plot shows; colour by a number instead", n, ScatterSeries)
	}
	for i, g := range c.axes.ColorBy {
		if g != math.Trunc(g) || g < 0 || g >= float64(len(c.axes.Series)) {
			return fmt.Errorf("Axes.ColorBy[%d] is %v, no index into the %d names of Axes.Series", i, g, len(c.axes.Series))
		}
	}
	return nil
}

func (c *scatterChart) setUpFrame(xs, ys array) error {
	lo, hi, err := valueRange(ys.values, c.axes)
	if err != nil {
		return err
	}
	left, right, _ := finiteRange(xs.values)
	if c.axes.LogX && left <= 0 {
		return fmt.Errorf("Axes.LogX needs values above 0, the smallest is %s", format(left))
	}
	c.frame = frame{axes: c.axes, xName: orElse(c.axes.XName, xs.axisName(1)), yName: valueTitle(c.axes.YName, c.axes.Unit),
		x: niceScale(left, right, c.axes.LogX).roomy(), y: niceScale(lo, hi, c.axes.LogY).roomy(), data: c.dots}
	if n := len(xs.values); n > len(c.points) {
		c.frame.notes = append(c.frame.notes, fmt.Sprintf("%d of %d points, evenly chosen", len(c.points), n))
	}
	if odd := c.countOdd(); odd > 0 {
		c.frame.notes = append(c.frame.notes, fmt.Sprintf("%s not finite, marked at the edge", count(odd, "point is", "points are")))
	}
	c.frame.notes = append(c.frame.notes, c.frame.noteAbsent(ys.values)...)
	c.setUpColors()
	c.frame.about = c.describe()
	return nil
}

func (c *scatterChart) countOdd() int {
	n := 0
	for _, p := range c.points {
		if !p.finite() {
			n++
		}
	}
	return n
}

func (p sampled) finite() bool { return finite(p.x) && finite(p.y) }

func (c *scatterChart) setUpColors() {
	switch {
	case c.axes.Series != nil:
		s := series{names: c.axes.Series}
		c.frame.legend = s.entries(true)
	case c.axes.ColorBy != nil:
		r := newRamp(c.axes.ColorBy, c.axes.withoutRange())
		r = r.darkened()
		c.ramp, c.frame.ramp, c.frame.rampName = &r, &r, c.axes.ColorName
	}
}

// withoutRange forgets Low and High, which belong to the value axis here.
func (a Axes) withoutRange() Axes {
	a.Low, a.High = 0, 0
	return a
}

// darkened replaces white, in which a dot would vanish on the page, by grey.
func (r ramp) darkened() ramp {
	stops := make([]rgb, len(r.stops))
	for i, c := range r.stops {
		stops[i] = mix(c, dark, 0.15)
	}
	r.stops = stops
	return r
}

// color is that of the point's group, its number, or the first category.
func (c *scatterChart) color(p sampled) rgb {
	switch {
	case c.ramp != nil:
		return c.ramp.at(p.color)
	case c.axes.Series != nil:
		return category(int(p.color))
	}
	return category(0)
}

func (c *scatterChart) describe() string {
	text := fmt.Sprintf("Scatter plot of %s", count(len(c.points), "point", "points"))
	if c.axes.Title != "" {
		text = visible(c.axes.Title) + ". " + text
	}
	text += fmt.Sprintf(": %s by %s.", orElse(visible(c.frame.yName), "y"), orElse(visible(c.frame.xName), "x"))
	for _, note := range c.frame.notes {
		text += " " + note + "."
	}
	return text
}

func (c *scatterChart) scene() *scene {
	f := c.frame
	s := f.begin()
	for _, p := range c.points {
		if finite(p.y) && !f.y.holds(p.y) {
			continue
		}
		at := point{f.x.at(insideOr(p.x, f.x)), f.y.at(insideOr(p.y, f.y))}
		switch {
		case p.finite():
			s.add(dot{center: at, r: 3.5, fill: c.color(p), opacity: 0.85})
		case !finite(p.y):
			s.add(edgeMark(p.y, at.x, f.plot, c.color(p)))
		default: // x is not finite: a paler dot at the left or right edge
			s.add(dot{center: at, r: 3.5, fill: c.color(p), opacity: 0.5})
		}
		s.spots = append(s.spots, spot{X: at.x, Y: at.y, Tip: c.tip(&f, p)})
	}
	return s
}

// dots are the points on the axes, each a line of its own.
func (c *scatterChart) dots(f *frame) (all [][]point) {
	for _, p := range c.points {
		if p.finite() && f.y.holds(p.y) {
			all = append(all, []point{{f.x.at(p.x), f.y.at(p.y)}})
		}
	}
	return all
}

func (c *scatterChart) tip(f *frame, p sampled) []string {
	lines := []string{hoverText(p.name), visible(f.xAxisName()) + ": " + f.x.text(p.x), visible(f.yAxisName()) + ": " + f.y.text(p.y)}
	switch {
	case c.axes.Series != nil:
		lines = append(lines, hoverText(c.axes.Series[int(p.color)]))
	case c.ramp != nil:
		lines = append(lines, orElse(visible(c.axes.ColorName), "colour")+": "+c.ramp.text(p.color))
	}
	return lines
}

// The axes of a scatter plot are called x and y, if by no other name.
func (f *frame) xAxisName() string { return orElse(f.xName, "x") }
func (f *frame) yAxisName() string { return orElse(f.yName, "y") }

func (c *scatterChart) vegaDraws() bool { return c.frame.vegaDraws() }

func (c *scatterChart) vega() object {
	f := c.frame
	f.begin()
	spec := f.vega(len(c.points))
	mark := object{"type": "point", "filled": true, "size": 45, "opacity": 0.85, "clip": true}
	if c.ramp != nil { // whose ends may be as dark or as pale as the page
		mark["stroke"], mark["strokeWidth"] = "#888888", 0.7
	}
	f.vegaLayers(spec, append(f.vegaGuides(), object{
		"data":     object{"values": c.rows(&f)},
		"params":   list{zoom()},
		"mark":     mark,
		"encoding": object{"x": f.vegaX(), "y": f.vegaY(), "color": c.vegaColor(), "shape": vegaOddShape(), "tooltip": c.tips(&f)},
	}))
	return spec
}

// vegaOddShape gives the points that are not finite the shapes of edgeMark.
func vegaOddShape() object {
	return object{"field": "odd", "type": "nominal", "legend": nil,
		"scale": object{"domain": list{"", "NaN", "+∞", "−∞"}, "range": list{"circle", vegaCross, "triangle-up", "triangle-down"}}}
}

func (c *scatterChart) rows(f *frame) list {
	var rows list
	for _, p := range c.points {
		r := object{"x": insideOr(p.x, f.x), "y": insideOr(p.y, f.y), "xText": f.x.text(p.x), "yText": f.y.text(p.y), "name": hoverText(p.name), "odd": ""}
		if !p.finite() {
			r["odd"] = oddName(p)
		}
		switch {
		case c.ramp != nil:
			r["c"], r["cText"] = vegaNumber(p.color, c.ramp.digits+2), c.ramp.text(p.color)
		case c.axes.Series != nil:
			r["c"], r["cText"] = hoverText(c.axes.Series[int(p.color)]), ""
		}
		rows = append(rows, r)
	}
	return rows
}

// insideOr is v, or for what is not finite the place next to the edge where it
// is marked.
func insideOr(v float64, s scale) float64 {
	if finite(v) {
		return s.number(v)
	}
	return s.inside(v)
}

// oddName names a coordinate that is not finite, y first.
func oddName(p sampled) string {
	if !finite(p.y) {
		return format(p.y)
	}
	return format(p.x)
}

func (c *scatterChart) vegaColor() object {
	switch {
	case c.ramp != nil:
		return object{"field": "c", "type": "quantitative", "scale": c.ramp.vega(), "legend": c.ramp.vegaLegend(c.axes.ColorName)}
	case c.axes.Series != nil:
		names := mapLabels(c.axes.Series, hoverText)
		colors := make(list, len(names))
		for i := range colors {
			colors[i] = category(i).hex()
		}
		return object{"field": "c", "type": "nominal", "scale": object{"domain": anys(names), "range": colors}, "legend": object{"title": ""}}
	}
	return object{"value": category(0).hex()}
}

func (c *scatterChart) tips(f *frame) list {
	var t tips
	t.add("name", "point")
	t.add("xText", f.xAxisName())
	t.add("yText", f.yAxisName())
	switch {
	case c.ramp != nil:
		t.add("cText", orElse(c.axes.ColorName, "colour"))
	case c.axes.Series != nil:
		t.add("c", "series")
	}
	return t.lines
}
