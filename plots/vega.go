package plots

import (
	"math"
	"strconv"
	"strings"
)

// This file holds what the Vega-Lite specifications of all charts share. They
// set no text or background colour: JupyterLab chooses those by its theme.

type (
	object = map[string]any
	list   = []any
)

// Beyond this many marks a canvas is quicker than SVG, whose marks however can
// be read out and printed sharply.
const svgMarks = 3000

// paleGrey is seen on white and on black, and on neither much.
const paleGrey = "#88888850"

// vegaChart is a specification with everything but data and marks.
func vegaChart(title string, notes []string, about string, marks int) object {
	renderer := "svg"
	if marks > svgMarks {
		renderer = "canvas"
	}
	spec := object{
		"$schema":     "https://vega.github.io/schema/vega-lite/v5.json",
		"description": about,
		"autosize":    object{"type": "pad"},
		"config": object{
			"font":   fontFamily,
			"axis":   object{"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "gridColor": paleGrey},
			"legend": object{"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal"},
			"header": object{"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
			"view":   object{"stroke": "transparent"},
		},
		// The front end's style sheet makes the box around a chart as wide as what is in it, and its
		// menu needs that sheet. Without either a chart can ask for the notebook's whole width.
		"usermeta": object{"embedOptions": object{"renderer": renderer, "actions": false, "defaultStyle": false}},
	}
	if title != "" || len(notes) > 0 {
		spec["title"] = vegaTitle(visible(title), notes)
	}
	return spec
}

// vegaWidth gives a chart of one picture, whose layers are made, the width of the notebook's cell,
// unless the reader says how wide it is: then its plot is so many pixels wide.
func vegaWidth(spec object, axes Axes, plot float64) {
	spec["width"] = int(plot)
	if axes.Width != 0 {
		return
	}
	// A chart may be drawn before the notebook lays its cell out, and a panel of the front end's
	// moves without the window; where another chart brought the front end's style sheet along, the
	// box around this one is as wide as what is in it. So the width is asked for again when the
	// pointer moves, and there is a least one.
	spec["width"], spec["autosize"] = chartWidth, object{"type": "fit-x", "contains": "padding"}
	spec["params"] = append(asList(spec["params"]), object{"name": "width",
		"expr": "max(" + format0(chartWidth) + ", containerSize()[0] || 0, laidOut_tuple ? 0 : 0)"})
	first := spec["layer"].(list)[0].(object)
	first["params"] = append(asList(first["params"]), object{"name": "laidOut",
		"select": object{"type": "point", "on": "window:mousemove{300}, window:resize", "clear": false}})
}

// chartWidth is the least width of a chart that takes the cell's.
const chartWidth = 640

// vegaTitle is a title, given as text or expression, with the notes below it.
// Without notes there is no list of them: gob would make an empty one null.
func vegaTitle(text any, notes []string) object {
	title := object{"text": text, "anchor": "start", "fontSize": 14, "subtitleFontSize": 11}
	if len(notes) > 0 {
		title["subtitle"] = anys(mapLabels(notes, visible))
	}
	return title
}

// anys converts to what JSON and gob both hold.
func anys[T any](values []T) list {
	out := make(list, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// vegaNumber is v as JSON can hold it, to n digits: what is not finite goes by
// its name.
func vegaNumber(v float64, n int) any {
	if !finite(v) {
		return format(v)
	}
	return round(v, n)
}

func vegaNumbers(values []float64, n int) list {
	out := make(list, len(values))
	for i, v := range values {
		out[i] = vegaNumber(v, n)
	}
	return out
}

// vegaDraws tells whether the front end can draw a scale from lo to hi: its own
// arithmetic knows nothing of overflow, and of small numbers only so much.
func vegaDraws(lo, hi float64) bool {
	const most, least = 1e290, 1e-290
	return span(lo, hi) <= most && hi-lo >= least
}

// vegaDraws for a logarithmic scale asks this of the values themselves.
func (s scale) vegaDraws() bool {
	if s.log {
		return vegaDraws(0, s.lo) && vegaDraws(0, s.hi)
	}
	return vegaDraws(s.lo, s.hi) && vegaDraws(0, max(math.Abs(s.lo), math.Abs(s.hi)))
}

func (r ramp) vegaDraws() bool { return scale{lo: r.lo, hi: r.hi}.vegaDraws() }

// vegaParam is a named constant of the specification.
func vegaParam(name string, value any) object { return object{"name": name, "value": value} }

// tips are the lines of what the pointer shows. Vega's tooltip is an object
// with the titles as keys, so that no two may be alike; it reads the keys
// "title" and "image" as something else. Vega-Lite writes the keys into an
// expression and forgets to escape them: tipTitle takes what would end it.
type tips struct {
	lines list
	taken map[string]bool
}

// tipTitle puts look-alikes for the backslash and the quotation mark.
var tipTitle = strings.NewReplacer(`\`, "⧵", `"`, "″")

func (t *tips) add(field, title string) {
	title = clip(tipTitle.Replace(visible(title)), axisLabelLength)
	if title == "title" || title == "image" {
		title += " "
	}
	for t.taken[title] {
		title += "′"
	}
	if t.taken == nil {
		t.taken = map[string]bool{}
	}
	t.taken[title] = true
	t.lines = append(t.lines, object{"field": field, "title": title, "type": "nominal"})
}

// format0 writes a whole number for an expression.
func format0(n int) string { return strconv.Itoa(n) }

func hexes(colors []rgb) list {
	out := make(list, len(colors))
	for i, c := range colors {
		out[i] = c.hex()
	}
	return out
}

// stops are the data values at which a ramp's colours stand.
func (r ramp) positions() []float64 {
	at := make([]float64, len(r.stops))
	for i := range at {
		at[i] = along(r.lo, r.hi, float64(i)/float64(len(at)-1))
	}
	return at
}

// vega is the ramp as a colour scale.
func (r ramp) vega() object {
	return object{"type": "linear", "domain": vegaNumbers(r.positions(), r.digits+2), "range": hexes(r.stops), "clamp": true, "interpolate": "rgb"}
}

// zoom makes a chart's axes follow the pointer: dragging moves, the wheel with the control or
// command key held zooms, as two fingers do (alone it scrolls the notebook; with shift it is
// another wheel in some browsers), a double click restores, and so does a change of an input's,
// which says itself what is to be seen.
func zoom() object {
	return object{"name": "zoom", "bind": "scales", "select": object{"type": "interval",
		"zoom": "wheel![event.ctrlKey || event.metaKey]", "clear": "dblclick, window:change"}}
}
