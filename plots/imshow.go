package plots

import (
	"errors"
	"fmt"
	"slices"
)

// Limits of a heat map; what is beyond them is thinned, which the figure says.
const (
	HeatmapCells  = 100_000 // in all facets and frames together
	HeatmapSide   = 4000    // rows, or columns, of one picture
	HeatmapFacets = 64
	HeatmapFrames = 500
	HeatmapWords  = 10_000 // cells with words or numbers in them
)

type heatmap struct {
	kind             string
	axes             Axes
	values           []float64 // [frame, facet, row, column]
	frames, facets   int
	ny, nx           int
	xLabels, yLabels []string // one a column, one a row
	facetLabels      []string // nil if there is one facet without a label
	frameLabels      []string // nil unless animated
	xName, yName     string
	text             []string // in the cells, as values; nil for none
	hoverOnly        []bool   // words that only the pointer shows
	ramp             ramp
	specials         []special
	notes            []string
	square           bool // cells as high as they are wide: of a matrix, of a board
	tokens           bool // labels are tokens
}

// Imshow draws a heat map of data of shape [row, column]; of [facet, row,
// column] as pictures side by side; and of [frame, row, column] or [frame,
// facet, row, column] with a slider, if Axes.Frames or Axes.FrameName is set.
// Row 0 is at the top.
//
// Axes.X labels the columns and Axes.Y the rows; Axes.Text or Axes.Values
// write into the cells; Axes.Unit says what the colours measure. Colours are
// chosen by [Auto] unless Axes.Colors says otherwise: white is zero, blue more,
// red less. NaN and infinities are three greys, named beside the colour bar.
//
// Beyond [HeatmapCells] neighbouring cells are joined; the joined cell shows
// the value of largest magnitude among them, NaN if there is one. Beyond
// [HeatmapWords] the words are left to the pointer.
func Imshow(data any, axes Axes) Figure {
	h, err := newHeatmap("Imshow", data, axes)
	return figure("Imshow", h, err)
}

const heatmapFields = "Height X Y XName YName Unit Facets FacetName Frames FrameName Text Values Colors Low High"

func newHeatmap(kind string, data any, axes Axes) (*heatmap, error) {
	if err := axes.check(kind, heatmapFields); err != nil {
		return nil, err
	}
	a, err := readArray(data, 2, 3, 4)
	if err != nil {
		return nil, err
	}
	h := &heatmap{kind: kind, axes: axes}
	if err := h.readShape(a); err != nil {
		return nil, err
	}
	if axes.FacetName != "" && h.facetLabels == nil {
		return nil, fmt.Errorf("Axes.FacetName names an axis of pictures side by side; data of shape %v has none", a.shape)
	}
	h.readNames(a)
	if err := h.readText(); err != nil {
		return nil, err
	}
	h.thin()
	h.hushWords()
	h.ramp = newRamp(h.values, axes)
	h.specials = specials(h.values)
	h.notes = append(h.notes, noteSpecials(h.values, greyNames)...)
	return h, nil
}

// greyNames says which grey is what, for the note.
var greyNames = map[string]string{"NaN": " (grey)", "+∞": " (dark grey)", "−∞": " (light grey)"}

// readShape sorts the data's axes into frames, facets, rows and columns, and
// reads their labels.
func (h *heatmap) readShape(a array) error {
	animated := h.axes.Frames != nil || h.axes.FrameName != ""
	rank := len(a.shape)
	if animated && rank == 2 {
		return fmt.Errorf("Axes.Frames and FrameName need data of shape [frame, row, column], got %v", a.shape)
	}
	if !animated && rank == 4 {
		return fmt.Errorf("data of shape %v needs Axes.Frames or Axes.FrameName: its first axis is animated", a.shape)
	}
	if animated && rank == 3 {
		a = a.insertFacet()
	}
	a = a.withLeading(4)
	h.values, h.frames, h.facets, h.ny, h.nx = a.values, a.shape[0], a.shape[1], a.shape[2], a.shape[3]
	return h.readLabels(a, animated)
}

// insertFacet makes [frame, row, column] a [frame, 1, row, column].
func (a array) insertFacet() array {
	a.shape = slices.Insert(slices.Clone(a.shape), 1, 1)
	if a.names != nil {
		a.names = slices.Insert(slices.Clone(a.names), 1, "")
	}
	if a.labels != nil {
		a.labels = slices.Insert(slices.Clone(a.labels), 1, nil)
	}
	return a
}

func (h *heatmap) readLabels(a array, animated bool) error {
	for _, l := range []struct {
		field string
		given []string
		axis  int // counted from the end
		into  *[]string
	}{
		{"X", h.axes.X, 1, &h.xLabels},
		{"Y", h.axes.Y, 2, &h.yLabels},
		{"Facets", h.axes.Facets, 3, &h.facetLabels},
		{"Frames", h.axes.Frames, 4, &h.frameLabels},
	} {
		n := a.shape[4-l.axis]
		labels, err := labelled(l.field, l.given, a.axisLabels(l.axis), n)
		if err != nil {
			return err
		}
		if labels == nil && (l.axis < 3 || n > 1 || l.axis == 4 && animated) {
			labels = indexLabels(n)
		}
		*l.into = labels
	}
	if !animated {
		h.frameLabels = nil
	}
	return nil
}

func (h *heatmap) readNames(a array) {
	h.xName = orElse(h.axes.XName, a.axisName(1))
	h.yName = orElse(h.axes.YName, a.axisName(2))
	if h.axes.FacetName == "" && len(a.shape) == 3 {
		h.axes.FacetName = a.axisName(3)
	}
	h.square = h.nx == h.ny && (slices.Equal(h.xLabels, h.yLabels) || h.axes.Text == nil && !h.wide())
}

// readText checks the words for the cells; with none, Axes.Values writes the
// numbers.
func (h *heatmap) readText() error {
	if h.axes.Text == nil {
		return nil
	}
	if h.axes.Values {
		return errors.New("Axes.Values writes the numbers where the words already stand: leave it out, the pointer shows them")
	}
	if h.frames*h.facets > 1 {
		return fmt.Errorf("Axes.Text labels the cells of one picture, the data has %d", h.frames*h.facets)
	}
	if len(h.axes.Text) != h.ny {
		return fmt.Errorf("Axes.Text has %d rows, the data has %d", len(h.axes.Text), h.ny)
	}
	for y, row := range h.axes.Text {
		if len(row) != h.nx {
			return fmt.Errorf("Axes.Text[%d] has %d cells, the data has %d columns", y, len(row), h.nx)
		}
		h.text = append(h.text, row...)
	}
	return nil
}

// thin joins rows and columns until the cells are few enough. Words in cells
// would not be readable then and are left out.
func (h *heatmap) thin() {
	if h.facets > HeatmapFacets {
		h.notes = append(h.notes, fmt.Sprintf("first %d of %d facets", HeatmapFacets, h.facets))
		h.keepFacets(HeatmapFacets)
	}
	if h.frames > HeatmapFrames {
		h.notes = append(h.notes, fmt.Sprintf("%d of %d frames, evenly chosen", HeatmapFrames, h.frames))
		h.keepFrames(HeatmapFrames)
	}
	rows, columns := h.ny, h.nx
	perPicture := max(16, HeatmapCells/(h.frames*h.facets))
	for rows*columns > perPicture || max(rows, columns) > HeatmapSide {
		if rows > columns {
			rows = (rows + 1) / 2
		} else {
			columns = (columns + 1) / 2
		}
	}
	if rows == h.ny && columns == h.nx {
		return
	}
	h.notes = append(h.notes, fmt.Sprintf("%d × %d cells joined to %d × %d: each shows the largest magnitude in it", h.ny, h.nx, rows, columns))
	h.join(blocksFor(h.ny, rows), blocksFor(h.nx, columns))
}

func (h *heatmap) keepFacets(n int) {
	var kept []float64
	size := h.ny * h.nx
	for frame := range h.frames {
		from := frame * h.facets * size
		kept = append(kept, h.values[from:from+n*size]...)
	}
	h.values, h.facets, h.facetLabels = kept, n, h.facetLabels[:n]
}

// keepFrames keeps n frames from the first to the last.
func (h *heatmap) keepFrames(n int) {
	var values []float64
	var labels []string
	size := h.facets * h.ny * h.nx
	for k := range n {
		frame := k * (h.frames - 1) / (n - 1)
		values = append(values, h.values[frame*size:(frame+1)*size]...)
		labels = append(labels, h.frameLabels[frame])
	}
	h.values, h.frames, h.frameLabels = values, n, labels
}

// hushWords takes words out of the cells where there are too many to be read.
func (h *heatmap) hushWords() {
	if n := len(h.values); h.hasText() && n > HeatmapWords {
		h.notes = append(h.notes, fmt.Sprintf("no words in %d cells: the pointer shows them", n))
		h.axes.Values = false
		if h.text != nil {
			h.hoverOnly = slices.Repeat([]bool{true}, n)
		}
	}
}

func (h *heatmap) join(rows, columns []block) {
	var joined []float64
	for picture := range h.frames * h.facets {
		for _, r := range rows {
			line := joinRow(h.row(picture, r.from), columns)
			for y := r.from + 1; y < r.to; y++ {
				for i, v := range joinRow(h.row(picture, y), columns) {
					line[i] = stronger(line[i], v)
				}
			}
			joined = append(joined, line...)
		}
	}
	h.values, h.ny, h.nx, h.text = joined, len(rows), len(columns), nil
	h.xLabels, h.yLabels = joinLabels(h.xLabels, columns), joinLabels(h.yLabels, rows)
}

// row y of a picture, pictures counted over frames and facets.
func (h *heatmap) row(picture, y int) []float64 {
	from := (picture*h.ny + y) * h.nx
	return h.values[from : from+h.nx]
}

// cellText is what stands in a cell, "" for nothing.
func (h *heatmap) cellText(i int) string {
	switch {
	case h.hoverOnly != nil && h.hoverOnly[i]:
		return ""
	case h.text != nil:
		return h.label(h.text[i])
	case h.axes.Values:
		return formatCell(h.values[i])
	}
	return ""
}

// label writes a label of this figure visibly.
func (h *heatmap) label(s string) string {
	if h.tokens {
		return visibleToken(s)
	}
	return visible(s)
}

func (h *heatmap) describe() string {
	text := "Heat map"
	if h.axes.Title != "" {
		text = visible(h.axes.Title) + ". Heat map"
	}
	text += fmt.Sprintf(" of %s", orElse(visible(h.axes.Unit), "values"))
	if h.frames > 1 {
		text += fmt.Sprintf(", %d frames", h.frames)
	}
	if h.facets > 1 {
		text += fmt.Sprintf(", %d %s", h.facets, orElse(visible(h.axes.FacetName), "facets"))
	}
	text += fmt.Sprintf(", %d rows%s by %d columns%s", h.ny, named(h.yName), h.nx, named(h.xName))
	text += fmt.Sprintf("; %s.%s", rangeText(h.values), h.describePeak())
	for _, note := range h.notes {
		text += " " + note + "."
	}
	return text
}

func named(name string) string {
	if name == "" {
		return ""
	}
	return " (" + visible(name) + ")"
}

// describePeak names the strongest cell of all.
func (h *heatmap) describePeak() string {
	best := -1
	for i, v := range h.values {
		if finite(v) && (best < 0 || stronger(h.values[best], v) != h.values[best]) {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	where := ""
	for _, line := range h.place(best) {
		where += ", " + line
	}
	return fmt.Sprintf(" Strongest: %s%s.", h.ramp.text(h.values[best]), where)
}

// place says where the i-th value is, a line an axis, outermost first.
func (h *heatmap) place(i int) []string {
	var lines []string
	x, y := i%h.nx, i/h.nx%h.ny
	facet, frame := i/(h.nx*h.ny)%h.facets, i/(h.nx*h.ny*h.facets)
	if h.frameLabels != nil {
		lines = append(lines, orElse(visible(h.axes.FrameName), "frame")+" "+hoverText(h.frameLabels[frame]))
	}
	if h.facetLabels != nil {
		lines = append(lines, orElse(visible(h.axes.FacetName), "facet")+" "+hoverText(h.facetLabels[facet]))
	}
	return append(lines,
		orElse(visible(h.yName), "row")+" "+clip(h.label(h.yLabels[y]), hoverLength),
		orElse(visible(h.xName), "column")+" "+clip(h.label(h.xLabels[x]), hoverLength))
}
