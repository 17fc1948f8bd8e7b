package plots

import (
	"fmt"
	"math"
	"slices"
)

// Limits of a line chart; what is beyond them is thinned, which the figure says.
const (
	LineSeries = 200    // lines drawn
	LinePoints = 60_000 // points drawn in all, at most 4,000 a line
)

const pointsPerLine = 4000

// visiblePoints is how many points a line may have for each to get a dot.
const visiblePoints = 64

type lineChart struct {
	series
	frame frame
	kept  [][]int // the columns drawn of each row
}

// Line draws values over x as lines, data of shape [x] or [series, x]. Axes.X
// labels the points, or Axes.At places them; Axes.Series names the lines. Lines
// with places of their own are [Curves].
//
// A value that is not finite interrupts its line and is marked at the edge: NaN
// with ×, infinities with ▲ and ▼. Beyond [LinePoints] each stretch keeps its
// smallest and largest value.
func Line(data any, axes Axes) Figure {
	c, err := newLine(data, axes, pointsPerLine)
	return figure("Line", c, err)
}

// newLine is a chart with at most so many points a line.
func newLine(data any, axes Axes, points int) (*lineChart, error) {
	if err := axes.check("Line", "Height X XName YName Unit Series At LogX LogY Guides Low High"); err != nil {
		return nil, err
	}
	s, err := readLines(data, axes)
	if err != nil {
		return nil, err
	}
	c := &lineChart{series: s}
	c.thin(points)
	c.series.notes = append(c.series.notes, noteSpecials(s.all(), edgeMarks)...)
	return c, c.setUpFrame()
}

func (c *lineChart) thin(points int) {
	if n := len(c.values); n > LineSeries {
		c.series.notes = append(c.series.notes, fmt.Sprintf("first %d of %d lines", LineSeries, n))
		c.values, c.names = c.values[:LineSeries], c.names[:LineSeries]
	}
	limit := min(points, LinePoints/len(c.values))
	longest := 0
	for i := range c.values {
		row := c.row(i)
		kept := thinColumns(row, limit)
		if c.present != nil {
			for k, j := range kept {
				kept[k] = c.present[i][j]
			}
		}
		c.kept, longest = append(c.kept, kept), max(longest, len(row))
	}
	if longest > limit {
		c.series.notes = append(c.series.notes, fmt.Sprintf("%d points thinned to the extremes of %d stretches", longest, limit/2))
	}
}

// thinColumns keeps at most limit columns of a row: of each stretch the
// smallest and the largest value, so that no spike is lost. A value that is
// not finite counts as larger than any.
func thinColumns(row []float64, limit int) []int {
	if len(row) <= limit {
		limit = 2 * len(row)
	}
	stretches := limit / 2
	var kept []int
	for k := range stretches {
		from, to := k*len(row)/stretches, (k+1)*len(row)/stretches
		low, high := from, from
		for j := from; j < to; j++ {
			if row[j] < row[low] {
				low = j
			}
			if finite(row[high]) && (row[j] > row[high] || math.IsNaN(row[j]) || math.IsInf(row[j], 0)) {
				high = j
			}
		}
		kept = append(kept, min(low, high))
		if low != high {
			kept = append(kept, max(low, high))
		}
	}
	return kept
}

func (c *lineChart) setUpFrame() error {
	lo, hi, err := valueRange(c.all(), c.series.axes)
	if err != nil {
		return err
	}
	x, err := columnScale(c.at, c.xLabels != nil, c.series.axes.LogX)
	if err != nil {
		return err
	}
	axes := c.series.axes
	c.frame = frame{axes: axes, xName: c.series.xName, yName: valueTitle(axes.YName, axes.Unit),
		x: x, y: niceScale(lo, hi, axes.LogY).roomy(), xLabels: c.xLabels, told: c.told(), counted: c.counted(), legend: c.entries(false), data: c.lines}
	c.series.notes = append(c.series.notes, c.frame.noteAbsent(c.all())...)
	c.frame.notes, c.frame.about = c.series.notes, c.describe()
	return nil
}

// counted reports whether x is whole numbers, of which none is between two.
func (c *lineChart) counted() bool {
	fraction := func(x float64) bool { return x != math.Trunc(x) }
	return c.series.axes.At == nil && !slices.ContainsFunc(c.at, fraction)
}

// told are the columns whose labels the front end must know, nil for all.
func (c *lineChart) told() []int {
	if len(c.xLabels) <= pointsPerLine {
		return nil
	}
	told := slices.Concat(c.kept...)
	slices.Sort(told)
	return slices.Compact(told)
}

// valueRange is what the value axis must hold.
func valueRange(values []float64, axes Axes) (lo, hi float64, err error) {
	lo, hi, ok := finiteRange(values)
	for _, g := range axes.Guides {
		if g.kind == horizontal {
			lo, hi, ok = min(lo, g.at), max(hi, g.at), true
		}
	}
	if !ok { // what was thinned left nothing finite
		lo, hi = 1, 2
	}
	if axes.fixedRange() {
		lo, hi = axes.Low, axes.High
	}
	if axes.LogY && lo <= 0 {
		return 0, 0, fmt.Errorf("Axes.LogY needs values above 0, the smallest is %s", format(lo))
	}
	return lo, hi, nil
}

// columnScale is the x axis of labelled, counted or numeric columns.
func columnScale(at []float64, labels, log bool) (scale, error) {
	lo, hi, _ := finiteRange(at)
	switch {
	case log && lo <= 0:
		return scale{}, fmt.Errorf("Axes.LogX needs places above 0, the smallest is %s; set Axes.At", format(lo))
	case log:
		return niceScale(lo, hi, true), nil
	case labels || hi == lo:
		return newScale(bounded(lo-0.5), bounded(hi+0.5)), nil
	}
	pad := span(lo, hi) * 0.02
	return newScale(bounded(lo-pad), bounded(hi+pad)), nil
}

// entries are the legend's lines, or its blocks for bars.
func (s *series) entries(block bool) []legendEntry {
	var out []legendEntry
	for i, name := range s.names {
		if i == legendLimit {
			more := fmt.Sprintf("… and %d more", len(s.names)-legendLimit)
			return append(out, legendEntry{label: more, color: white})
		}
		out = append(out, legendEntry{label: name, color: category(i), dash: dash(i), block: block})
	}
	return out
}

func (c *lineChart) describe() string { return c.series.describe("Line chart") }

func (c *lineChart) scene() *scene {
	f := c.frame // a copy: drawing changes no figure
	s := f.begin()
	for i, row := range c.values {
		for _, run := range c.runs(i, &f) {
			for _, piece := range clipLine(run, f.plot.y, f.plot.bottom()) {
				s.add(polyline{points: piece, color: category(i), width: 2, dash: dash(i)})
			}
		}
		for _, j := range c.kept[i] {
			c.mark(s, &f, i, j, row[j])
		}
	}
	return s
}

// lines are the stretches of all rows.
func (c *lineChart) lines(f *frame) (all [][]point) {
	for i := range c.values {
		all = append(all, c.runs(i, f)...)
	}
	return all
}

// runs are the stretches of row i between values that are not finite.
func (c *lineChart) runs(i int, f *frame) [][]point {
	var runs [][]point
	var run []point
	for _, j := range c.kept[i] {
		v := c.values[i][j]
		if !finite(v) {
			runs, run = append(runs, run), nil
			continue
		}
		run = append(run, point{f.x.at(c.at[j]), f.y.at(v)})
	}
	return append(runs, run)
}

// mark draws the dot of one value and makes it answer the pointer, if it lies
// on the axes.
func (c *lineChart) mark(s *scene, f *frame, i, j int, v float64) {
	if finite(v) && !f.y.holds(v) {
		return
	}
	x := f.x.at(c.at[j])
	at := point{x, f.y.at(f.y.edge(v))}
	if finite(v) {
		at.y = f.y.at(v)
		if len(c.kept[i]) <= visiblePoints {
			s.add(dot{center: at, r: 3, fill: category(i), opacity: 1})
		}
	} else {
		s.add(edgeMark(v, x, f.plot, category(i)))
	}
	s.spots = append(s.spots, spot{X: at.x, Y: at.y, Tip: c.tip(f, i, j, v)})
}

// tip is what stands where the pointer rests on a value.
func (s *series) tip(f *frame, i, j int, v float64) []string {
	var lines []string
	if name := s.name(i); name != "" {
		lines = append(lines, hoverText(name))
	}
	return append(lines, visible(f.xTitle())+": "+s.xText(j), visible(f.yTitle())+": "+f.y.text(v))
}

func (c *lineChart) vegaDraws() bool { return c.frame.vegaDraws() }

func (c *lineChart) vega() object {
	f := c.frame
	f.begin() // for the plot's size
	rows, odd := c.rows(&f)
	spec := f.vega(len(rows))
	if c.names != nil {
		spec["params"] = append(asList(spec["params"]), vegaParam("seriesNames", anys(mapLabels(c.names, hoverText))))
	}
	tips := c.tooltips(&f)
	color := vegaSeries(c.names, "color", c.eachColor())
	if legend, ok := color["legend"].(object); ok {
		legend["symbolType"], legend["symbolStrokeWidth"], legend["symbolSize"] = "stroke", 2, 200
	}
	layers := append(f.vegaGuides(), c.lineLayer(&f, rows, color, tips))
	if len(odd) > 0 {
		layer := vegaEdgeLayer(odd, color, tips)
		layer["transform"] = c.lookups(&f)
		layers = append(layers, layer)
	}
	f.vegaLayers(spec, layers)
	return spec
}

// rows are the values for Vega: {x, y, s}; those that are not finite apart.
func (c *lineChart) rows(f *frame) (rows, odd list) {
	for i, row := range c.values {
		for _, j := range c.kept[i] {
			r := object{"x": round(c.at[j], c.digits+2), "y": f.y.vegaNumber(row[j]), "s": i}
			if !finite(row[j]) {
				odd = append(odd, object{"x": r["x"], "y": f.y.inside(row[j]), "s": i, "odd": format(row[j])})
				r["y"] = nil // interrupts the line
			}
			rows = append(rows, r)
		}
	}
	return rows, odd
}

func (c *lineChart) lineLayer(f *frame, rows list, color object, tips list) object {
	opacity := 0.0
	if len(c.kept[0]) <= visiblePoints {
		opacity = 1
	}
	encoding := object{"x": f.vegaX(), "y": f.vegaY(), "color": color, "tooltip": tips}
	if len(c.values) > len(categories) {
		encoding["strokeDash"] = vegaSeries(c.names, "strokeDash", c.eachDash())
		encoding["strokeDash"].(object)["legend"] = color["legend"] // one legend for both
	}
	return object{
		"data":      object{"values": rows},
		"transform": c.lookups(f),
		"params":    list{zoom()},
		"mark":      object{"type": "line", "strokeWidth": 2, "clip": true, "point": object{"size": 40, "opacity": opacity}},
		"encoding":  encoding,
	}
}

// lookups add to each row the labels that tooltips show.
func (s *series) lookups(f *frame) list {
	steps := f.xLookup()
	if s.names != nil {
		steps = append(steps, object{"calculate": "seriesNames[datum.s]", "as": "series"})
	}
	return append(steps, object{"calculate": "isValid(datum.odd) ? datum.odd : datum.y", "as": "shown"})
}

func (s *series) tooltips(f *frame) list {
	var t tips
	if s.names != nil {
		t.add("series", "series")
	}
	t.add("label", f.xTitle())
	t.add("shown", f.yTitle())
	return t.lines
}

func (s *series) eachColor() list {
	out := make(list, len(s.values))
	for i := range out {
		out[i] = category(i).hex()
	}
	return out
}

func (s *series) eachDash() list {
	out := make(list, len(s.values))
	for i := range out {
		out[i] = list{1, 0}
		if d := dash(i); d != nil {
			out[i] = anys(d)
		}
	}
	return out
}

func asList(v any) list {
	l, _ := v.(list)
	return l
}
