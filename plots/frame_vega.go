package plots

import "math"

// vega starts the specification of a chart in this frame: its height, its title
// and the labels that the axes and tooltips look up.
func (f *frame) vega(marks int) object {
	spec := vegaChart(f.axes.Title, f.notes, f.about, marks)
	spec["height"] = int(f.plot.h)
	if f.xLabels != nil {
		spec["params"] = list{vegaParam("xLabels", f.vegaLabels())}
	}
	return spec
}

// vegaLayers gives the chart its layers, and its width.
func (f *frame) vegaLayers(spec object, layers list) {
	spec["layer"] = layers
	vegaWidth(spec, f.axes, f.plot.w)
}

func (f *frame) vegaDraws() bool {
	return f.x.vegaDraws() && f.y.vegaDraws() && (f.ramp == nil || f.ramp.vegaDraws())
}

// vegaLabels are the labels by column; those alone that are told.
func (f *frame) vegaLabels() any {
	if f.told == nil {
		return anys(mapLabels(f.xLabels, hoverText))
	}
	labels := object{}
	for _, i := range f.told {
		labels[format0(i)] = hoverText(f.xLabels[i])
	}
	return labels
}

// vegaColumns are the columns where a label may stand.
func (f *frame) vegaColumns() list {
	if f.told == nil {
		return indices(len(f.xLabels))
	}
	const most = 500
	var columns list
	for k := 0; k < len(f.told); k += 1 + len(f.told)/most {
		columns = append(columns, f.told[k])
	}
	return columns
}

// xTitle is what tooltips call the x axis.
func (f *frame) xTitle() string { return orElse(f.xName, "x") }

// yTitle is what tooltips call the value.
func (f *frame) yTitle() string { return orElse(f.yName, "value") }

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// vegaX is the encoding of a numeric x, or of an index with labels.
func (f *frame) vegaX() object {
	axis := object{"title": visible(f.xName), "grid": false}
	f.x.vegaTicks(axis, 8)
	switch {
	case f.xLabels == nil:
		axis["tickCount"] = 8
		if f.counted { // the front end holds to the step only as far as it is asked for no more ticks
			axis["tickMinStep"], axis["tickCount"] = 1, max(1, int(min(8, span(f.x.lo, f.x.hi))))
		}
	default:
		axis["values"] = f.vegaColumns()
		axis["labelExpr"] = shortLabel("xLabels[datum.value]")
		axis["labelAngle"] = 0
		if slanted(f.xLabels, f.plot.w/max(1, f.x.hi-f.x.lo)) {
			axis["labelAngle"] = -slant
		}
		axis["labelOverlap"] = true
	}
	return object{"field": "x", "type": "quantitative", "axis": axis, "scale": f.x.vega()}
}

// shortLabel cuts an axis label in Vega as axisText does here.
func shortLabel(expr string) string { return "truncate(" + expr + ", 24)" }

func (f *frame) vegaY() object {
	axis := object{"title": visible(f.yName), "tickCount": 6}
	f.y.vegaTicks(axis, 6)
	return object{"field": "y", "type": "quantitative", "axis": axis, "scale": f.y.vega()}
}

func (s scale) vega() object {
	spec := object{"domain": list{plainZero(s.lo), plainZero(s.hi)}, "nice": false}
	if s.log {
		spec["type"] = "log"
	} else {
		spec["zero"] = false
	}
	return spec
}

// vegaFormat lets the front end write numbers that are far from one, or from each
// other's differences, as it would not by itself: with exponents, or in full.
func vegaFormat(axis object, lo, hi float64) {
	switch largest := max(math.Abs(lo), math.Abs(hi)); {
	case digitsFor(lo, hi) > digits:
		axis["labelLimit"] = 240
	case largest < 1e-6 || largest >= 1e15:
		axis["format"] = "~e"
	}
}

// vegaTicks leaves a logarithmic axis its powers of ten only.
func (s scale) vegaTicks(axis object, n int) {
	if !s.log {
		vegaFormat(axis, s.lo, s.hi)
		return
	}
	var values list
	for _, t := range s.ticks(n) {
		values = append(values, plainZero(t.at))
	}
	axis["values"], axis["format"] = values, "~g"
}

// xLookup adds to each row the label that its x stands for.
func (f *frame) xLookup() list {
	if f.xLabels == nil {
		return list{object{"calculate": "datum.x", "as": "label"}}
	}
	return list{object{"calculate": "xLabels[datum.x]", "as": "label"}}
}

// vegaSeries colours by the index of a series and names it in the legend.
func vegaSeries(names []string, channel string, values list) object {
	encoding := object{"field": "s", "type": "nominal", "scale": object{"domain": indices(len(values)), "range": values}}
	encoding["legend"] = seriesLegend(names)
	if channel == "xOffset" {
		delete(encoding, "legend")
		encoding["scale"] = object{"domain": indices(len(values))}
	}
	return encoding
}

// seriesLegend is nil, no legend, for a single series without a name.
func seriesLegend(names []string) any {
	if len(names) == 0 {
		return nil
	}
	return object{"title": "", "labelExpr": shortLabel("seriesNames[datum.value]"), "values": indices(min(len(names), legendLimit)),
		"symbolOpacity": 1, "labelLimit": 200}
}

// vegaGuides are the reference lines as layers.
func (f *frame) vegaGuides() list {
	var layers list
	crowd := f.crowd()
	for _, g := range f.axes.Guides {
		ends := f.guideEnds(g)
		if ends == nil {
			continue
		}
		x, y := object{"field": "x", "type": "quantitative"}, object{"field": "y", "type": "quantitative"}
		data := object{"values": ends}
		mark, at := f.vegaGuideLabel(g, crowd)
		layers = append(layers,
			object{"data": data, "mark": object{"type": "line", "strokeDash": list{5, 4}, "color": "#888888", "strokeWidth": 1},
				"encoding": object{"x": x, "y": y}},
			object{"data": object{"values": ends[at : at+1]}, "mark": mark, "encoding": object{"x": x, "y": y}})
	}
	return layers
}

// vegaGuideLabel is the label of a guide on the axes, and at which of its ends it stands.
func (f *frame) vegaGuideLabel(g Guide, crowd [][]point) (mark object, at int) {
	mark = object{"type": "text", "text": axisText(g.label), "align": "right", "dx": -3, "dy": -7, "color": "#888888"}
	if g.kind != horizontal {
		return mark, 1
	}
	points := f.guide(g)
	label := f.guideLabel(g, points, crowd)
	if label.at.y > points[0].y {
		mark["dy"] = 8
	}
	if label.anchor == start {
		mark["align"], mark["dx"] = "left", 3
		return mark, 0
	}
	return mark, 1
}

// guideEnds are the two ends of a guide in data, or nil if it is off the scale.
func (f *frame) guideEnds(g Guide) list {
	if f.guide(g) == nil {
		return nil
	}
	at := func(x, y float64) object { return object{"x": plainZero(x), "y": plainZero(y)} }
	switch g.kind {
	case horizontal:
		return list{at(f.x.lo, g.at), at(f.x.hi, g.at)}
	case vertical:
		return list{at(g.at, f.y.lo), at(g.at, f.y.hi)}
	}
	lo, hi := max(f.x.lo, f.y.lo), min(f.x.hi, f.y.hi)
	return list{at(lo, lo), at(hi, hi)}
}

func indices(n int) list {
	out := make(list, n)
	for i := range out {
		out[i] = i
	}
	return out
}
