package plots

import "maps"

// The specification holds the values as one flat list and the labels once:
// rows are numbered, and what a row is about is worked out from its number.
// A row an object would be several times longer in the notebook's file.

func (h *heatmap) vegaDraws() bool { return h.ramp.vegaDraws() }

func (h *heatmap) vega() object {
	perFrame := h.facets * h.ny * h.nx
	spec := vegaChart(h.axes.Title, h.notes, h.describe(), perFrame)
	spec["params"] = h.vegaParams()
	spec["data"] = object{"sequence": object{"start": 0, "stop": perFrame, "as": "i"}}
	spec["transform"] = h.vegaTransform()
	if h.frameLabels != nil {
		spec["title"] = vegaTitle(object{"expr": "headings[frame]"}, h.notes)
	}
	panel := object{"layer": h.vegaLayers(), "view": object{"stroke": paleGrey}}
	g := h.layout(h.panels()[:h.facets], 0)
	panel["width"], panel["height"] = max(10, int(g.cw*float64(h.nx))), max(10, int(g.ch*float64(h.ny)))
	if h.facetLabels == nil {
		for key, value := range panel {
			spec[key] = value
		}
		if h.wide() && !h.square {
			vegaWidth(spec, h.axes, g.cw*float64(h.nx))
		}
		return spec
	}
	spec["facet"] = object{"field": "facet", "type": "ordinal", "title": visible(h.axes.FacetName),
		"header": object{"labelExpr": shortLabel("facetLabels[datum.value]")}}
	spec["columns"] = panelColumns(h.facets, float64(h.nx)/float64(h.ny))
	spec["spacing"] = 10
	spec["spec"] = panel
	return spec
}

// wide tells whether the cells may be as wide as the notebook's cell makes them: not side by side,
// nor where a few would become bars.
func (h *heatmap) wide() bool { return h.facetLabels == nil && h.nx >= 8 }

func (h *heatmap) vegaParams() list {
	label := func(labels []string) list {
		return anys(mapLabels(mapLabels(labels, h.label), func(s string) string { return clip(s, hoverLength) }))
	}
	params := list{
		vegaParam("z", vegaNumbers(h.values, h.ramp.digits+2)),
		vegaParam("xLabels", label(h.xLabels)),
		vegaParam("yLabels", label(h.yLabels)),
	}
	for _, side := range []struct {
		name, title, word string
		n                 int
	}{{"columns", h.xName, "columns", h.nx}, {"rows", h.yName, "rows", h.ny}} {
		if side.n > typedSide {
			params = append(params, vegaRange(side.name, orElse(visible(side.title), side.word)))
		}
	}
	if h.facetLabels != nil {
		params = append(params, vegaParam("facetLabels", anys(mapLabels(h.facetLabels, hoverText))))
	}
	if h.hasText() {
		params = append(params, vegaParam("words", h.words()))
	}
	if h.hoverOnly != nil {
		params = append(params, vegaParam("names", anys(mapLabels(h.text, hoverText))))
	}
	if h.frameLabels != nil {
		params = append(params, vegaParam("headings", h.headings()),
			object{"name": "frame", "value": 0, "bind": object{"input": "range", "min": 0, "max": max(1, h.frames-1), "step": 1,
				"name": orElse(visible(h.axes.FrameName), "frame") + " "}})
	}
	return params
}

func (h *heatmap) hasText() bool { return h.text != nil || h.axes.Values }

func (h *heatmap) words() list {
	words := make(list, len(h.values))
	for i := range words {
		words[i] = clip(h.cellText(i), axisLabelLength)
	}
	return words
}

// headings are the titles of the frames.
func (h *heatmap) headings() list {
	var out list
	for _, label := range h.frameLabels {
		heading := prefixed(h.axes.FrameName, label)
		if h.axes.Title != "" {
			heading = visible(h.axes.Title) + " · " + heading
		}
		out = append(out, heading)
	}
	return out
}

// vegaTransform works out of a row's number i its place, its value v and the
// number c that its colour stands for (a value that is not finite is no number).
func (h *heatmap) vegaTransform() list {
	at := "datum.i"
	if h.frameLabels != nil {
		at = "frame * " + format0(h.facets*h.ny*h.nx) + " + datum.i"
	}
	steps := list{
		calculate("datum.i % "+format0(h.nx), "x"),
		calculate("floor(datum.i / "+format0(h.nx)+") % "+format0(h.ny), "y"),
		calculate("datum.x - 0.5", "left"),
		calculate("datum.x + 0.5", "right"),
		calculate("datum.y - 0.5", "top"),
		calculate("datum.y + 0.5", "bottom"),
		calculate("floor(datum.i / "+format0(h.nx*h.ny)+")", "facet"),
		calculate("z["+at+"]", "v"),
		calculate("isNumber(datum.v) ? datum.v : 0", "c"),
		calculate("xLabels[datum.x]", "column"),
		calculate("yLabels[datum.y]", "row"),
	}
	if h.facetLabels != nil {
		steps = append(steps, calculate("facetLabels[datum.facet]", "facetLabel"))
	}
	if h.hasText() {
		steps = append(steps, calculate("words["+at+"]", "word"))
	}
	if h.hoverOnly != nil {
		steps = append(steps, calculate("names["+at+"]", "name"))
	}
	return steps
}

func calculate(expr, as string) object { return object{"calculate": expr, "as": as} }

func (h *heatmap) vegaLayers() list {
	x := h.vegaAxis(vegaSide{"left", "columns", h.xName, "xLabels", "width", labelSize + 3, h.nx})
	y := h.vegaAxis(vegaSide{"top", "rows", h.yName, "yLabels", "height", labelSize + 1, h.ny})
	y["scale"].(object)["reverse"] = true // row 0 is at the top
	x["axis"].(object)["labelAngle"] = 0
	if g := h.layout(h.panels()[:h.facets], 0); slanted(h.columnLabels(), g.cw) {
		x["axis"].(object)["labelAngle"] = -slant
	}
	layers := list{object{
		"params": list{zoom()},
		// Each cell reaches a little into those after it: else the page shines through between them.
		"mark": object{"type": "rect", "clip": true, "x2Offset": 1, "y2Offset": 1},
		"encoding": object{"x": x, "x2": object{"field": "right"}, "y": y, "y2": object{"field": "bottom"},
			"color": h.vegaColor(), "tooltip": h.vegaTips()},
	}}
	if h.hasText() {
		layers = append(layers, object{
			"mark": object{"type": "text", "fontSize": 10, "clip": true},
			// it lies over the cell
			"encoding": object{"x": inMiddle(x, "x"), "y": inMiddle(y, "y"), "text": object{"field": "word", "type": "nominal"}, "tooltip": h.vegaTips(),
				"color": object{"condition": object{"test": darkCell, "value": "white"}, "value": "black"}},
		})
	}
	return layers
}

// darkCell holds for the cells on which white reads better, see [rgb.ink].
const darkCell = "datum.v === '+∞' || (isNumber(datum.v) && luminance(scale('color', datum.c)) < 0.179)"

// vegaSide is one side of a heat map: cells are numbered along it, and number i reaches from i - ½
// to i + ½, so that the scale is one of numbers, which can be zoomed.
type vegaSide struct {
	field, shown string  // where a cell begins; the input that says what is shown
	name, labels string  // the axis's name, the list of labels
	length       string  // Vega's signal of the side's length
	room         float64 // for a label, in pixels
	n            int
}

// typedSide is how many cells of a side need an input to choose some: the pointer zooms into any.
const typedSide = 24

// vegaRange is an input for those whose hands are on the keyboard, which takes "3-7".
func vegaRange(name, title string) object {
	return object{"name": name, "value": "", "bind": object{"input": "text", "name": title + " ", "placeholder": "all, or 3-7"}}
}

func (h *heatmap) vegaAxis(side vegaSide) object {
	length := side.length
	if h.facetLabels != nil {
		length = "child_" + length
	}
	n := format0(side.n)
	known := "datum.value >= 0 && datum.value < " + n + " && datum.value === floor(datum.value)"
	axis := object{"title": visible(side.name), "ticks": false, "domain": false, "grid": false, "labelOverlap": true, "tickMinStep": 1,
		"labelExpr": known + " ? " + shortLabel(side.labels+"[datum.value]") + " : ''",
		"tickCount": object{"expr": "max(2, min(" + n + ", floor(" + length + " / " + format(side.room) + ")))"}}
	scale := object{"domain": list{-0.5, float64(side.n) - 0.5}, "nice": false, "zero": false}
	if side.n > typedSide {
		scale["domainMin"], scale["domainMax"] = typedEnd(side.shown, "0", "0", " - 0.5"), typedEnd(side.shown, "1", format0(side.n-1), " + 0.5")
		delete(scale, "domain")
	}
	return object{"field": side.field, "type": "quantitative", "axis": axis, "scale": scale}
}

// typedEnd is the end of what an input "3-7" asks for, or the side's own end.
func typedEnd(input, part, end, half string) object {
	two := "test(/^\\s*\\d+\\s*-\\s*\\d+\\s*$/, " + input + ")"
	return object{"expr": "(" + two + " ? toNumber(split(" + input + ", '-')[" + part + "]) : " + end + ")" + half}
}

// inMiddle is a side's encoding for what stands in the middle of a cell.
func inMiddle(side object, field string) object {
	middle := maps.Clone(side)
	middle["field"] = field
	return middle
}

func (h *heatmap) vegaColor() object {
	grey := func(c rgb, name string) object {
		return object{"test": "datum.v === '" + name + "'", "value": c.hex()}
	}
	var greys list
	for _, s := range h.specials {
		greys = append(greys, grey(s.color, s.name))
	}
	color := object{"field": "c", "type": "quantitative", "scale": h.ramp.vega(), "legend": h.ramp.vegaLegend(h.axes.Unit)}
	if len(greys) > 0 {
		color["condition"] = greys
	}
	return color
}

// vegaLegend writes the unit along the colour bar, where it has room.
func (r ramp) vegaLegend(name string) object {
	legend := object{"title": visible(name), "titleOrient": "right", "titleLimit": 200, "tickCount": 5}
	vegaFormat(legend, r.lo, r.hi)
	return legend
}

func (h *heatmap) vegaTips() list {
	var t tips
	if h.facetLabels != nil {
		t.add("facetLabel", orElse(h.axes.FacetName, "facet"))
	}
	t.add("row", orElse(h.yName, "row"))
	t.add("column", orElse(h.xName, "column"))
	t.add("v", orElse(h.axes.Unit, "value"))
	switch {
	case h.hoverOnly != nil:
		t.add("name", "name")
	case h.text != nil:
		t.add("word", "text")
	}
	return t.lines
}
