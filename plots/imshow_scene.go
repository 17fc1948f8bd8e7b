package plots

import (
	"fmt"
	"math"
)

// geometry is how a heat map's pictures lie on the page.
type geometry struct {
	panels        []panel
	columns       int
	cw, ch        float64 // of a cell
	left, top     float64 // of the first picture
	stepX, stepY  float64 // from one picture to the next
	width, height float64 // of the page
	barX          float64
}

// panel is one picture: a facet of a frame.
type panel struct {
	frame, facet int
	label        string
}

// staticFrames is how many frames of an animation the static picture shows.
const staticFrames = 12

// panels are all facets; of an animation, frames evenly chosen from first to last.
func (h *heatmap) panels() []panel {
	var out []panel
	shown := min(h.frames, max(1, staticFrames/h.facets))
	for k := range shown {
		frame := k
		if shown > 1 {
			frame = int(math.Round(float64(k) * float64(h.frames-1) / float64(shown-1)))
		}
		for facet := range h.facets {
			out = append(out, panel{frame, facet, h.panelLabel(frame, facet)})
		}
	}
	return out
}

func (h *heatmap) panelLabel(frame, facet int) string {
	label := ""
	if h.frameLabels != nil {
		label = prefixed(h.axes.FrameName, h.frameLabels[frame])
	}
	if h.facetLabels != nil {
		if label != "" {
			label += ", "
		}
		label += prefixed(h.axes.FacetName, h.facetLabels[facet])
	}
	return label
}

// prefixed puts the axis's name before a bare number: "head 3" but "L9H3".
func prefixed(name, label string) string {
	if name != "" && label != "" && label[0] >= '0' && label[0] <= '9' {
		return axisText(name) + " " + axisText(label)
	}
	return axisText(label)
}

// Bounds of a cell's side, in pixels.
const (
	maxCell  = 44.0
	minCell  = 0.5
	fewCells = 160.0 // a picture of few cells may have larger ones, up to this in all
)

// maxPage is how wide or high a page may grow for the words in its cells.
const maxPage = 20_000.0

// layout finds sizes such that the figure fits a notebook's column.
func (h *heatmap) layout(panels []panel, heading float64) geometry {
	g := geometry{panels: panels, columns: panelColumns(len(panels), float64(h.nx)/float64(h.ny))}
	rows := (len(panels) + g.columns - 1) / g.columns
	g.left = gap + h.rowLabelWidth() + tickLength
	if h.yName != "" {
		g.left += nameSize * lineHeight
	}
	bar := colorBarWidth(h.ramp, h.axes.Unit, h.specials)
	width, height := orDefault(h.axes.Width, 760), orDefault(h.axes.Height, 560)
	room := (width-g.left-bar-2*gap)/float64(g.columns) - gap
	g.cw = h.cellWidth(room/float64(h.nx), maxPage/float64(g.columns*h.nx))
	if h.axes.Width != 0 { // what the lines below add up to
		g.cw = max(minCell, ((width-g.left-bar-gap/2)/float64(g.columns)-1.5*gap)/float64(h.nx))
	}
	header := 0.0
	if panels[0].label != "" {
		header = labelSize * lineHeight
	}
	g.top = heading + gap + header
	labels := columnLabelHeight(h.columnLabels(), g.cw) + tickLength
	if h.xName != "" {
		labels += nameSize*lineHeight + gap/2
	}
	g.ch = h.cellHeight(((height-heading)/float64(rows)-header-gap)/float64(h.ny), g.cw, maxPage/float64(rows*h.ny))
	if h.axes.Height != 0 {
		g.ch = max(minCell, ((height-g.top-labels+header)/float64(rows)-header-gap)/float64(h.ny))
	}
	if h.square && h.axes.Width == 0 && h.textWidth() == 0 {
		g.cw = min(g.cw, g.ch) // where the height is what there is too little of
	}
	g.stepX = g.cw*float64(h.nx) + 1.5*gap
	g.stepY = g.ch*float64(h.ny) + header + gap
	g.barX = g.left + g.stepX*float64(g.columns) + gap/2
	g.width = math.Ceil(max(g.barX+bar, h.headingWidth()))
	g.height = math.Ceil(g.top + g.stepY*float64(rows) - header - gap + labels + gap)
	return g
}

// headingWidth lets a small picture grow for its title and notes, within reason, unless the reader
// says how wide it is.
func (h *heatmap) headingWidth() float64 {
	if h.axes.Width != 0 {
		return 0
	}
	w := textWidth(visible(h.axes.Title), titleSize, true)
	return max(240, min(760, max(w, widest(h.notes, noteSize))+2*gap))
}

// panelColumns is how many pictures stand in a row: about as many as make the
// whole as wide as it is high, three to two, and rather one more than one fewer.
// Up to three go in one row, as facets are compared side by side.
func panelColumns(n int, aspect float64) int {
	if n <= 3 && aspect < 4 {
		return n
	}
	ideal := min(n, max(1, int(math.Round(math.Sqrt(float64(n)*1.5/aspect)))))
	for _, columns := range []int{ideal, ideal + 1, ideal - 1} {
		if columns > 0 && n%columns == 0 {
			return columns // no gap in the last row
		}
	}
	return ideal
}

// cellWidth is as wide as the room allows, within what looks well; words in
// the cells ask for more, up to most.
func (h *heatmap) cellWidth(room, most float64) float64 {
	limit := max(maxCell, fewCells/float64(h.nx))
	if w := h.textWidth(); w > 0 {
		limit = max(limit, min(w+8, 90))
		room = max(room, min(w+8, 60, most)) // a wide page is better than words cut short
	}
	return max(minCell, min(room, limit))
}

func (h *heatmap) cellHeight(room, width, most float64) float64 {
	limit := max(26.0, fewCells/2/float64(h.ny))
	if h.square {
		limit = width
		if h.axes.Width != 0 {
			room = width // as high as it is wide
		}
	}
	if h.textWidth() > 0 {
		room = max(room, min(16, most))
	}
	return max(minCell, min(room, limit))
}

// textWidth is the width of the longest word in a cell, 0 if there are none.
func (h *heatmap) textWidth() float64 {
	if !h.hasText() {
		return 0
	}
	w := 0.0
	for i := range h.values {
		w = max(w, textWidth(clip(h.cellText(i), axisLabelLength), noteSize, false))
	}
	return w
}

func (h *heatmap) columnLabels() []string { return mapLabels(h.xLabels, h.label) }

func (h *heatmap) rowLabelWidth() float64 {
	return widest(mapLabels(mapLabels(h.yLabels, h.label), axisText), labelSize)
}

func (h *heatmap) scene() *scene {
	s := &scene{title: visible(h.axes.Title), about: h.describe()}
	panels, notes := h.panels(), h.notes
	if frames := len(panels) / h.facets; frames < h.frames {
		notes = append(notes[:len(notes):len(notes)], fmt.Sprintf("%d of %d frames", frames, h.frames))
	}
	// measured first: the page's width is not known yet
	heading := drawHeading(&scene{w: 1e4}, h.axes.Title, notes)
	g := h.layout(panels, heading)
	s.w, s.h = g.width, g.height
	s.add(box{rect: rect{0, 0, s.w, s.h}, fill: white, opacity: 1})
	drawHeading(s, h.axes.Title, notes)
	for k := range panels {
		h.drawPanel(s, g, k)
	}
	h.drawNames(s, g)
	high := g.stepY*float64(g.rows()-1) + g.ch*float64(h.ny)
	drawColorBar(s, h.ramp, h.axes.Unit, h.specials, rect{g.barX, g.top, 0, max(60, min(high, 260))})
	s.h = max(s.h, g.top+60+gap)
	return s
}

func (g geometry) rows() int { return (len(g.panels) + g.columns - 1) / g.columns }

// body is the rectangle of picture k.
func (g geometry) body(k int, h *heatmap) rect {
	return rect{g.left + float64(k%g.columns)*g.stepX, g.top + float64(k/g.columns)*g.stepY, g.cw * float64(h.nx), g.ch * float64(h.ny)}
}

func (h *heatmap) drawPanel(s *scene, g geometry, k int) {
	p, r := g.panels[k], g.body(k, h)
	picture := p.frame*h.facets + p.facet
	c := cells{rect: r, colors: make([][]rgb, h.ny)}
	for y := range c.colors {
		for _, v := range h.row(picture, y) {
			c.colors[y] = append(c.colors[y], h.ramp.at(v))
		}
	}
	edge := nanColor
	s.add(c, box{rect: r, stroke: &edge})
	if p.label != "" {
		s.add(text{at: point{r.x + r.w/2, r.y - labelSize*lineHeight/2}, s: clipWidth(p.label, labelSize, r.w+gap, false),
			size: labelSize, color: dark, anchor: middle})
	}
	h.drawCellText(s, g, picture, c)
	if k%g.columns == 0 {
		h.drawRowLabels(s, r, g.ch)
	}
	if k/g.columns == g.rows()-1 {
		drawColumnLabels(s, h.columnLabels(), r, func(i int) float64 { return r.x + (float64(i)+0.5)*g.cw })
	}
	s.spots = append(s.spots, spot{Grid: h.gridSpot(picture, p.label, r)})
}

// drawCellText writes into the cells what fits them.
func (h *heatmap) drawCellText(s *scene, g geometry, picture int, c cells) {
	if h.textWidth() == 0 || g.ch < noteSize {
		return
	}
	for y := range h.ny {
		for x := range h.nx {
			word := h.cellText((picture*h.ny+y)*h.nx + x)
			if word = clipWidth(word, noteSize, g.cw-2, false); word == "" || word == "…" {
				continue
			}
			at := point{c.x + (float64(x)+0.5)*g.cw, c.y + (float64(y)+0.5)*g.ch}
			s.add(text{at: at, s: word, size: noteSize, color: c.colors[y][x].ink(), anchor: middle})
		}
	}
}

func (h *heatmap) drawRowLabels(s *scene, r rect, ch float64) {
	every := max(1, int(math.Ceil((labelSize+1)/ch)))
	for y := 0; y < h.ny; y += every {
		s.add(text{at: point{r.x - tickLength, r.y + (float64(y)+0.5)*ch}, s: axisText(h.label(h.yLabels[y])),
			size: labelSize, color: muted, anchor: end})
	}
}

func (h *heatmap) drawNames(s *scene, g geometry) {
	first, last := g.body(0, h), g.body(g.columns-1, h)
	high := g.stepY*float64(g.rows()-1) + first.h
	drawRotatedName(s, h.yName, point{gap + nameSize/2, first.y + high/2}, max(high, 80))
	if h.xName != "" {
		wide := last.right() - first.x
		s.add(text{at: point{first.x + wide/2, s.h - gap - nameSize/2}, s: clipWidth(visible(h.xName), nameSize, max(wide, 80), false),
			size: nameSize, color: dark, anchor: middle})
	}
}

// gridSpot is what a page's script needs to answer the pointer.
func (h *heatmap) gridSpot(picture int, label string, r rect) *gridSpot {
	g := &gridSpot{X: r.x, Y: r.y, W: r.w, H: r.h, Head: label, XName: visible(orElse(h.xName, "column")),
		YName: visible(orElse(h.yName, "row")), Unit: visible(orElse(h.axes.Unit, "value"))}
	clipped := func(s string) string { return clip(h.label(s), hoverLength) }
	g.XLabels, g.YLabels = mapLabels(h.xLabels, clipped), mapLabels(h.yLabels, clipped)
	from := picture * h.ny * h.nx
	for i := from; i < from+h.ny*h.nx; i++ {
		g.Values = append(g.Values, h.ramp.text(h.values[i]))
		if h.text != nil {
			g.Text = append(g.Text, clipped(h.text[i]))
		}
	}
	return g
}
