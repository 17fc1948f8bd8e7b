package plots

import "fmt"

// BarLimit is how many bars a chart draws; beyond it, each bar stands for the
// value of largest magnitude among its neighbours, which the figure says.
const BarLimit = 600

type barChart struct {
	series
	frame frame
}

// Bar draws values as bars from zero, data of shape [x] or [series, x]; the
// series stand side by side. Axes.X labels the bars, Axes.Series names the
// series, Axes.Values writes each value above its bar.
//
// In the place of a value that is not finite stands its mark, as in [Line].
func Bar(data any, axes Axes) Figure {
	c, err := newBar(data, axes)
	return figure("Bar", c, err)
}

func newBar(data any, axes Axes) (*barChart, error) {
	if err := axes.check("Bar", "Height X XName YName Unit Series Guides Values Low High"); err != nil {
		return nil, err
	}
	for i, g := range axes.Guides {
		if g.kind != horizontal {
			return nil, fmt.Errorf("Axes.Guides[%d] is not horizontal; bars stand at labels, not at numbers", i)
		}
	}
	s, err := readSeries(data, axes)
	if err != nil {
		return nil, err
	}
	c := &barChart{series: s}
	c.thin()
	c.series.notes = append(c.series.notes, noteSpecials(s.all(), edgeMarks)...)
	return c, c.setUpFrame()
}

// thin joins neighbouring columns until there are few enough.
func (c *barChart) thin() {
	n := len(c.at)
	if len(c.values) > BarLimit {
		c.series.notes = append(c.series.notes, fmt.Sprintf("first %d of %d series", BarLimit, len(c.values)))
		c.values, c.names = c.values[:BarLimit], c.names[:BarLimit]
	}
	blocks := blocksFor(n, max(1, BarLimit/len(c.values)))
	if len(blocks) == n {
		return
	}
	for i, row := range c.values {
		c.values[i] = joinRow(row, blocks)
	}
	c.xLabels = joinLabels(c.xLabels, blocks)
	c.at = c.at[:len(blocks)]
	c.series.notes = append(c.series.notes, fmt.Sprintf("%d bars thinned to %d: each the largest magnitude of up to %d neighbours", n, len(blocks), blocks[0].n()))
}

func (c *barChart) setUpFrame() error {
	axes := c.series.axes
	lo, hi, err := valueRange(append(c.all(), 0), axes) // bars start at zero
	if err != nil {
		return err
	}
	if c.xLabels == nil {
		c.xLabels = indexLabels(len(c.at))
	}
	y := niceScale(lo, hi, false)
	if axes.fixedRange() {
		y = newScale(lo, hi)
	}
	c.frame = frame{axes: axes, xName: c.series.xName, yName: valueTitle(axes.YName, axes.Unit),
		x: scale{lo: -0.5, hi: float64(len(c.at)) - 0.5}, y: y, xLabels: c.xLabels, legend: c.entries(true)}
	c.series.notes = append(c.series.notes, c.frame.noteAbsent(c.all())...)
	c.frame.notes, c.frame.about = c.series.notes, c.describe()
	return nil
}

func (c *barChart) describe() string { return c.series.describe("Bar chart") }

func (c *barChart) scene() *scene {
	f := c.frame
	s := f.begin()
	zero := f.y.at(min(max(0, f.y.lo), f.y.hi))
	for i, row := range c.values {
		for j, v := range row {
			x, w := c.slot(&f, i, j)
			c.bar(s, &f, i, j, v, rect{x, zero, w, 0})
		}
	}
	s.add(polyline{points: []point{{f.plot.x, zero}, {f.plot.right(), zero}}, color: muted, width: 1})
	return s
}

// slot is where the bar of series i stands in column j.
func (c *barChart) slot(f *frame, i, j int) (x, width float64) {
	column := (f.x.to - f.x.from) / float64(len(c.at))
	width = column * 0.8 / float64(len(c.values))
	return f.x.at(float64(j)) - column*0.4 + float64(i)*width, width
}

func (c *barChart) bar(s *scene, f *frame, i, j int, v float64, foot rect) {
	tip := spot{X: foot.x + foot.w/2, Y: f.y.at(f.y.edge(v)), Tip: c.tip(f, i, j, v)}
	if !finite(v) {
		s.add(edgeMark(v, tip.X, f.plot, category(i)))
		s.spots = append(s.spots, tip)
		return
	}
	tip.Y = f.y.at(min(max(v, f.y.lo), f.y.hi))
	s.add(box{rect: rect{foot.x, min(tip.Y, foot.y), foot.w, max(tip.Y, foot.y) - min(tip.Y, foot.y)}, fill: category(i), opacity: 1})
	if c.series.axes.Values && foot.w >= textWidth(formatCell(v), noteSize, false) {
		s.add(text{at: point{tip.X, tip.Y + labelShift(v)}, s: formatCell(v), size: noteSize, color: dark, anchor: middle})
	}
	s.spots = append(s.spots, tip)
}

// labelShift moves a bar's number beyond its end: above, or below if negative.
func labelShift(v float64) float64 {
	if v < 0 {
		return noteSize * 0.8
	}
	return -noteSize * 0.8
}

func (c *barChart) vegaDraws() bool { return c.frame.vegaDraws() }

func (c *barChart) vega() object {
	f := c.frame
	f.begin()
	rows, odd := c.rows(&f)
	spec := f.vega(len(rows))
	if c.names != nil {
		spec["params"] = append(asList(spec["params"]), vegaParam("seriesNames", anys(mapLabels(c.names, hoverText))))
	}
	color := vegaSeries(c.names, "color", c.eachColor())
	spec["transform"] = c.lookups(&f)
	layers := list{c.layer(&f, rows, object{"type": "bar", "clip": true}, object{"color": color})}
	if c.series.axes.Values {
		layers = append(layers, c.valueLayer(&f, rows))
	}
	if len(odd) > 0 {
		layer := vegaEdgeLayer(odd, color, c.tooltips(&f))
		encoding := layer["encoding"].(object)
		encoding["x"], encoding["xOffset"] = c.vegaColumn(&f), c.vegaOffset()
		layer["transform"] = c.lookups(&f)
		layers = append(layers, layer)
	}
	f.vegaLayers(spec, append(layers, c.vegaLevels(&f)...))
	return spec
}

// vegaLevels are the guides, all of them horizontal where x is no number.
func (c *barChart) vegaLevels(f *frame) list {
	var layers list
	for _, g := range f.axes.Guides {
		if f.guide(g) != nil {
			layers = append(layers, object{"data": object{"values": list{object{"y": g.at}}},
				"mark":     object{"type": "rule", "strokeDash": list{5, 4}, "color": "#888888"},
				"encoding": object{"y": object{"field": "y", "type": "quantitative"}}})
		}
	}
	return layers
}

func (c *barChart) rows(f *frame) (rows, odd list) {
	for i, row := range c.values {
		for j, v := range row {
			r := object{"x": j, "y": f.y.vegaNumber(v), "s": i}
			if !finite(v) {
				r["y"], r["odd"] = f.y.inside(v), format(v)
				odd = append(odd, r)
				continue
			}
			r["text"] = formatCell(v)
			rows = append(rows, r)
		}
	}
	return rows, odd
}

func (c *barChart) vegaColumn(f *frame) object {
	x := f.vegaX()
	axis := x["axis"].(object)
	delete(axis, "values")
	return object{"field": "x", "type": "ordinal", "axis": axis, "scale": object{"domain": indices(len(c.at)), "paddingInner": 0.2, "paddingOuter": 0.1}}
}

func (c *barChart) vegaOffset() object {
	return object{"field": "s", "type": "nominal", "scale": object{"domain": indices(len(c.values))}}
}

func (c *barChart) layer(f *frame, rows list, mark, more object) object {
	encoding := object{"x": c.vegaColumn(f), "xOffset": c.vegaOffset(), "y": f.vegaY(), "tooltip": c.tooltips(f)}
	for channel, value := range more {
		encoding[channel] = value
	}
	return object{"data": object{"values": rows}, "transform": c.lookups(f), "mark": mark, "encoding": encoding}
}

// valueLayer writes the numbers, above the bar or below a negative one.
func (c *barChart) valueLayer(f *frame, rows list) object {
	layer := c.layer(f, rows, object{"type": "text", "fontSize": 10,
		"dy": object{"expr": "datum.y < 0 ? 8 : -8"}}, object{"text": object{"field": "text", "type": "nominal"}})
	return layer
}
