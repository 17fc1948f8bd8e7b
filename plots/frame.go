package plots

import (
	"fmt"
	"math"
	"slices"
)

// Sizes of a picture's parts, in pixels.
const (
	titleSize  = 14.0
	nameSize   = 12.0
	labelSize  = 11.0
	noteSize   = 10.0
	lineHeight = 1.35 // of the font's size
	gap        = 8.0
	tickLength = 4.0
)

// frame is what the line, scatter, bar and histogram figures share: a title,
// two axes with names, a legend and notes around a plot.
type frame struct {
	axes         Axes
	xName, yName string
	x, y         scale
	xLabels      []string // at 0, 1, … if x counts things; nil if x is a number
	told         []int    // which of xLabels the front end must know; nil for all
	counted      bool     // x is 0, 1, …: no ticks between
	legend       []legendEntry
	ramp         *ramp // a colour bar instead of a legend
	rampName     string
	notes        []string
	about        string
	data         func(f *frame) [][]point // lines and dots in pixels; nil where labels avoid none

	plot rect // where the data goes; set by begin
}

// legendEntry says what a colour and a dash stand for.
type legendEntry struct {
	label string
	color rgb
	dash  []float64
	block bool // a bar's square rather than a line
}

const legendLimit = 24

// begin lays the frame out, draws everything around the data and returns the
// scene; x and y then map data to its pixels.
func (f *frame) begin() *scene {
	s := &scene{title: visible(f.axes.Title), about: f.about}
	s.w = orDefault(f.axes.Width, 640)
	s.h = orDefault(f.axes.Height, 400)
	s.add(box{rect: rect{0, 0, s.w, s.h}, fill: white, opacity: 1})
	f.place(s)
	f.x.from, f.x.to = f.plot.x, f.plot.right()
	f.y.from, f.y.to = f.plot.bottom(), f.plot.y
	f.drawY(s)
	f.drawX(s)
	f.drawLegend(s)
	f.drawGuides(s)
	return s
}

func orDefault(v int, otherwise float64) float64 {
	if v == 0 {
		return otherwise
	}
	return float64(v)
}

// place finds the plot's rectangle: what the labels leave of the picture.
func (f *frame) place(s *scene) {
	top := drawHeading(s, f.axes.Title, f.notes) + gap
	yWidth := 0.0
	for _, t := range f.y.ticks(6) {
		yWidth = max(yWidth, textWidth(t.label, labelSize, false))
	}
	left := gap + yWidth + tickLength + gap
	if f.yName != "" {
		left += nameSize * lineHeight
	}
	right := 2*gap + f.legendWidth()
	bottom := gap + tickLength + f.xLabelHeight(s.w-left-right)
	if f.xName != "" {
		bottom += nameSize*lineHeight + gap/2
	}
	f.plot = rect{left, top, max(40, s.w-left-right), max(40, s.h-top-bottom)}
}

// drawHeading draws title and notes at the top left and returns where they end.
func drawHeading(s *scene, title string, notes []string) float64 {
	y := gap
	if title != "" {
		y += titleSize * lineHeight / 2
		s.add(text{at: point{gap, y}, s: clipWidth(visible(title), titleSize, s.w-2*gap, true), size: titleSize, color: dark, bold: true})
		y += titleSize * lineHeight / 2
	}
	for _, note := range notes {
		y += noteSize * lineHeight / 2
		s.add(text{at: point{gap, y}, s: clipWidth(visible(note), noteSize, s.w-2*gap, false), size: noteSize, color: muted})
		y += noteSize * lineHeight / 2
	}
	return y
}

func (f *frame) drawY(s *scene) {
	for _, t := range f.y.ticks(6) {
		y := f.y.at(t.at)
		color := faint
		if t.at == 0 {
			color = nanColor // the zero line stands out
		}
		s.add(polyline{points: []point{{f.plot.x, y}, {f.plot.right(), y}}, color: color, width: 1},
			text{at: point{f.plot.x - tickLength, y}, s: t.label, size: labelSize, color: muted, anchor: end})
	}
	drawRotatedName(s, f.yName, point{gap + nameSize/2, f.plot.y + f.plot.h/2}, f.plot.h)
}

// drawRotatedName writes an axis's name upwards, centred on at.
func drawRotatedName(s *scene, name string, at point, room float64) {
	if name != "" {
		s.add(text{at: at, s: clipWidth(visible(name), nameSize, room, false), size: nameSize, color: dark, anchor: middle, rotate: -90})
	}
}

func (f *frame) drawX(s *scene) {
	bottom := f.plot.bottom()
	s.add(polyline{points: []point{{f.plot.x, bottom}, {f.plot.right(), bottom}}, color: muted, width: 1})
	if f.xLabels == nil {
		f.drawXNumbers(s)
	} else {
		drawColumnLabels(s, f.xLabels, f.plot, func(i int) float64 { return f.x.at(float64(i)) })
	}
	if f.xName != "" {
		s.add(text{at: point{f.plot.x + f.plot.w/2, s.h - gap - nameSize/2}, s: clipWidth(visible(f.xName), nameSize, f.plot.w, false),
			size: nameSize, color: dark, anchor: middle})
	}
}

func (f *frame) drawXNumbers(s *scene) {
	for _, t := range f.xTicks() {
		x, half := f.x.at(t.at), textWidth(t.label, labelSize, false)/2
		s.add(polyline{points: []point{{x, f.plot.bottom()}, {x, f.plot.bottom() + tickLength}}, color: muted, width: 1})
		x = max(min(x, s.w-half), half) // a long label stays on the page
		s.add(text{at: point{x, f.plot.bottom() + tickLength + labelSize*lineHeight/2}, s: t.label, size: labelSize, color: muted, anchor: middle})
	}
}

// xTicks are as many as there is room for, long labels being those of numbers
// close together and far from zero.
func (f *frame) xTicks() []tick {
	ticks := f.x.ticks(8)
	for n := 7; n > 1 && f.crowded(ticks); n-- {
		ticks = f.x.ticks(n)
	}
	if !f.counted {
		return ticks
	}
	return slices.DeleteFunc(ticks, func(t tick) bool { return t.at != math.Round(t.at) })
}

// crowded tells whether the labels of neighbours touch.
func (f *frame) crowded(ticks []tick) bool {
	for i := 1; i < len(ticks); i++ {
		room := f.x.at(ticks[i].at) - f.x.at(ticks[i-1].at)
		if room < (textWidth(ticks[i].label, labelSize, false)+textWidth(ticks[i-1].label, labelSize, false))/2+4 {
			return true
		}
	}
	return false
}

// xLabelHeight is the room that the labels below the plot need.
func (f *frame) xLabelHeight(width float64) float64 {
	if f.xLabels == nil {
		return labelSize * lineHeight
	}
	return columnLabelHeight(f.xLabels, width/math.Max(1, f.x.hi-f.x.lo))
}

// slanted tells whether labels must be turned to fit columns of that width.
func slanted(labels []string, column float64) bool {
	return widestLabel(labels, column) > column-4 && len(labels) > 1
}

func columnLabelHeight(labels []string, column float64) float64 {
	if slanted(labels, column) {
		return widestLabel(labels, column)*sinSlant + labelSize
	}
	return labelSize * lineHeight
}

// widestLabel measures the labels that drawColumnLabels writes.
func widestLabel(labels []string, column float64) float64 {
	w, every := 0.0, labelEvery(column)
	for i := 0; i < len(labels); i += every {
		w = max(w, textWidth(axisText(labels[i]), labelSize, false))
	}
	return w
}

// labelEvery is how many columns of that width one label takes.
func labelEvery(column float64) int { return max(1, int(math.Ceil((labelSize+1)/column))) }

// Labels that do not fit stand at 60 degrees: readable with the head nearly
// upright, and close together.
const slant = 60.0

var sinSlant = math.Sin(slant * math.Pi / 180)

// drawColumnLabels writes labels below the plot, every k-th where all would
// touch one another.
func drawColumnLabels(s *scene, labels []string, plot rect, x func(i int) float64) {
	column := plot.w
	if len(labels) > 1 {
		column = x(1) - x(0)
	}
	turned := slanted(labels, column)
	every := labelEvery(column)
	for i := 0; i < len(labels); i += every {
		t := text{at: point{x(i), plot.bottom() + tickLength + labelSize*lineHeight/2}, s: axisText(labels[i]),
			size: labelSize, color: muted, anchor: middle}
		if turned {
			t.anchor, t.rotate = end, -slant
			t.at.x += labelSize / 3
		}
		s.add(t)
	}
}

func (f *frame) legendWidth() float64 {
	if f.ramp != nil {
		return colorBarWidth(*f.ramp, f.rampName, nil)
	}
	if len(f.legend) == 0 {
		return 0
	}
	w := 0.0
	for _, e := range f.legend {
		w = max(w, textWidth(axisText(e.label), labelSize, false))
	}
	return w + 22 + 2*gap
}

func (f *frame) drawLegend(s *scene) {
	x, y := f.plot.right()+2*gap, f.plot.y+labelSize/2
	if f.ramp != nil {
		drawColorBar(s, *f.ramp, f.rampName, nil, rect{x, f.plot.y, 14, f.plot.h})
		return
	}
	for _, e := range f.legend {
		if e.block {
			s.add(box{rect: rect{x + 3, y - 5, 11, 11}, fill: e.color, opacity: 1})
		} else {
			s.add(polyline{points: []point{{x, y}, {x + 17, y}}, color: e.color, width: 2, dash: e.dash})
		}
		s.add(text{at: point{x + 22, y}, s: axisText(e.label), size: labelSize, color: dark})
		y += labelSize * 1.5
	}
}

// noteAbsent says how many of the values and the reference lines lie off the
// axes, where Axes.Low and High or the data have put their ends.
func (f *frame) noteAbsent(values []float64) []string {
	var notes []string
	outside, guides := 0, 0
	for _, v := range values {
		if finite(v) && !f.y.holds(v) {
			outside++
		}
	}
	for _, g := range f.axes.Guides {
		if f.guide(g) == nil {
			guides++
		}
	}
	if outside > 0 {
		notes = append(notes, fmt.Sprintf("%d outside the range shown", outside))
	}
	if guides > 0 {
		notes = append(notes, count(guides, "reference line", "reference lines")+" off the axes")
	}
	return notes
}
