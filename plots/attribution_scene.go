package plots

import (
	"fmt"
	"math"
	"slices"
)

// circuitFrame is the grid of a graph: where its columns and rows lie.
type circuitFrame struct {
	w, h    float64
	plot    rect
	columns []float64 // left edges, one more than tokens
	rows    []float64 // lower edges from the bottom row up, one more than rows
}

// Sizes of a graph's parts.
const (
	nodeRoom    = 12.0 // that a node has to itself
	nodeRadius  = 4.0
	circuitSide = 900.0 // width unless given
	leastColumn = 16.0
	widestCell  = 16  // nodes side by side, where there are so many
	staticLinks = 300 // drawn where no script runs
)

// layOut places the grid and every node in it: columns are as wide as their fullest cell asks for,
// rows as high, and nothing overlaps where the picture has room.
func (c *circuit) layOut() error {
	f := &c.frame
	left, right := gap+textWidth("embeddings", labelSize, false)+gap, 2*gap
	top := drawHeading(&scene{w: circuitSide}, c.axes.Title, c.allNotes()) + gap
	columns, rows := len(c.tokens), c.layers+2
	cells := make(map[[2]int][]int)
	wanted := make([]float64, columns) // widths
	for i, n := range c.nodes {
		at := [2]int{n.row, n.pos}
		cells[at] = append(cells[at], i)
		wanted[n.pos] = max(wanted[n.pos], min(float64(len(cells[at])), widestCell)*nodeRoom)
	}
	room := min(max(orDefault(c.axes.Width, circuitSide)-left-right, leastColumn*float64(columns)), maxSide-left-right)
	f.columns = append(f.columns, left)
	for _, w := range shared(room, wanted) {
		f.columns = append(f.columns, f.columns[len(f.columns)-1]+w)
	}
	bottom := gap + c.labelHeight()
	height := c.rowHeights(cells, rows, maxSide-top-bottom)
	all := 0.0
	for _, h := range height {
		all += h
	}
	f.plot = rect{left, top, room, all}
	f.w, f.h = left+room+right, top+all+bottom
	y := f.plot.bottom()
	f.rows = append(f.rows, y)
	for _, h := range height {
		y -= h
		f.rows = append(f.rows, y)
	}
	for at, nodes := range cells {
		c.fill(at[0], at[1], nodes)
	}
	return nil
}

// shared gives each what it wants of the room, and an even share of what is left; where there is
// too little, an even half and the rest by what is wanted.
func shared(room float64, wanted []float64) []float64 {
	sum, n := 0.0, float64(len(wanted))
	for _, w := range wanted {
		sum += w
	}
	out := make([]float64, len(wanted))
	for i, w := range wanted {
		if out[i] = w + (room-sum)/n; sum > room/2 {
			out[i] = room/2/n + room/2*w/sum
		}
	}
	return out
}

// turned reports whether the tokens below the columns stand aslant.
func (c *circuit) turned() bool {
	for i, l := range c.columnLabels() {
		if textWidth(l, labelSize, false) > c.frame.columns[i+1]-c.frame.columns[i]-4 {
			return true
		}
	}
	return false
}

func (c *circuit) labelHeight() float64 {
	if c.turned() {
		return widest(c.columnLabels(), labelSize)*sinSlant + 2*labelSize
	}
	return labelSize*lineHeight + tickLength
}

// perLine is how many nodes stand side by side in a column.
func (f *circuitFrame) perLine(column int) int {
	return max(1, int((f.columns[column+1]-f.columns[column]-2)/nodeRoom))
}

// rowHeights are what the fullest cell of each row needs, less where the picture would be too high.
func (c *circuit) rowHeights(cells map[[2]int][]int, rows int, room float64) []float64 {
	least := max(20, min(60, 400/float64(rows)))
	out, sum := make([]float64, rows), 0.0
	for i := range out {
		out[i] = least
		for column := range c.tokens {
			lines := (len(cells[[2]int{i, column}]) + c.frame.perLine(column) - 1) / c.frame.perLine(column)
			out[i] = max(out[i], float64(lines)*nodeRoom+8)
		}
		sum += out[i]
	}
	if sum > room {
		for i := range out {
			out[i] *= room / sum
		}
	}
	return out
}

// fill places the nodes of a cell in lines, centred.
func (c *circuit) fill(row, column int, nodes []int) {
	f := &c.frame
	per := min(f.perLine(column), len(nodes))
	lines := (len(nodes) + per - 1) / per
	middle := point{(f.columns[column] + f.columns[column+1]) / 2, (f.rows[row] + f.rows[row+1]) / 2}
	dx := min(nodeRoom, (f.columns[column+1]-f.columns[column])/float64(per))
	dy := min(nodeRoom, (f.rows[row]-f.rows[row+1])/float64(lines))
	for k, i := range nodes {
		line, place := k/per, k%per
		inLine := min(per, len(nodes)-line*per)
		c.nodes[i].at = point{middle.x + (float64(place)-float64(inLine-1)/2)*dx, middle.y + (float64(line)-float64(lines-1)/2)*dy}
		c.nodes[i].at = point{math.Round(c.nodes[i].at.x*10) / 10, math.Round(c.nodes[i].at.y*10) / 10}
	}
}

func (c *circuit) columnLabels() []string {
	return mapLabels(c.tokens, func(t string) string { return clip(visibleToken(t), axisLabelLength) })
}

// allNotes are what the picture says below its title: what is predicted, and what is left out.
func (c *circuit) allNotes() []string {
	predicted := ""
	for i, n := range c.logits() {
		if i == 5 {
			predicted += ", …"
			break
		}
		predicted += []string{"", ", "}[boolIndex(i > 0)] + n.title(c.tokens)
	}
	notes := slices.Clone(c.notes)
	if predicted != "" {
		notes = append([]string{predicted}, notes...)
	}
	if n := len(c.links); n > staticLinks {
		notes = append(notes, fmt.Sprintf("the picture has the strongest %d of %d links", staticLinks, n))
	}
	return notes
}

func (c *circuit) logits() (out []circuitNode) {
	for _, n := range c.nodes {
		if n.kind == logitNode {
			out = append(out, n)
		}
	}
	return out
}

// kindColors are those of the nodes.
var kindColors = [...]rgb{featureNode: categories[0], errorNode: nanColor, tokenNode: categories[2], logitNode: categories[1]}

// linkColor is blue for what adds and red for what takes away, stronger for a larger weight.
func linkColor(weight, largest float64) rgb {
	strength := 0.25 + 0.75*math.Sqrt(math.Abs(weight)/max(largest, leastSpan))
	if weight < 0 {
		return mix(white, redBlue[1], strength)
	}
	return mix(white, redBlue[len(redBlue)-2], strength)
}

func (c *circuit) scene() *scene {
	f := &c.frame
	s := &scene{title: visible(c.axes.Title), about: c.describe(), w: f.w, h: f.h}
	s.add(box{rect: rect{0, 0, s.w, s.h}, fill: white, opacity: 1})
	drawHeading(s, c.axes.Title, c.allNotes())
	c.drawGrid(s)
	links := c.links[:min(len(c.links), staticLinks)]
	for i := len(links) - 1; i >= 0; i-- {
		l := links[i]
		s.add(polyline{points: []point{c.nodes[l.source].at, c.nodes[l.target].at}, color: linkColor(l.weight, math.Abs(links[0].weight)),
			width: 0.4 + 2*math.Abs(l.weight)/max(math.Abs(links[0].weight), leastSpan)})
	}
	for _, n := range c.nodes {
		n.draw(s)
		s.spots = append(s.spots, spot{X: n.at.x, Y: n.at.y, Tip: append([]string{n.title(c.tokens)}, n.numbers...)})
	}
	return s
}

// drawGrid draws rows, columns and their labels.
func (c *circuit) drawGrid(s *scene) {
	f := &c.frame
	for i, y := range f.rows {
		s.add(polyline{points: []point{{f.plot.x, y}, {f.plot.right(), y}}, color: faint, width: 1})
		if i == len(f.rows)-1 {
			break
		}
		label := fmt.Sprintf("layer %d", i-1)
		switch i {
		case 0:
			label = "embeddings"
		case len(f.rows) - 2:
			label = "logits"
		}
		if y-f.rows[i+1] >= labelSize || i%4 == 0 {
			s.add(text{at: point{f.plot.x - gap/2, (y + f.rows[i+1]) / 2}, s: label, size: labelSize, color: muted, anchor: end})
		}
	}
	for _, x := range f.columns {
		s.add(polyline{points: []point{{x, f.plot.y}, {x, f.plot.bottom()}}, color: faint, width: 1})
	}
	turned, last := c.turned(), math.Inf(-1)
	for i, l := range c.columnLabels() {
		x := (f.columns[i] + f.columns[i+1]) / 2
		if x-last < labelSize {
			continue
		}
		last = x
		t := text{at: point{x, f.plot.bottom() + tickLength + labelSize*lineHeight/2}, s: l, size: labelSize, color: muted, anchor: middle}
		if turned {
			t.anchor, t.rotate = end, -slant
			t.at.x += labelSize / 3
		}
		s.add(t)
	}
}

// draw draws a node by its kind: features round, errors as diamonds, tokens and logits as squares.
func (n circuitNode) draw(s *scene) {
	color, r := kindColors[n.kind], nodeRadius
	switch n.kind {
	case featureNode:
		s.add(dot{center: n.at, r: r, fill: color, opacity: 1})
	case errorNode:
		s.add(area{points: []point{{n.at.x, n.at.y - r}, {n.at.x + r, n.at.y}, {n.at.x, n.at.y + r}, {n.at.x - r, n.at.y}}, fill: color, opacity: 1})
	default:
		s.add(box{rect: rect{n.at.x - r, n.at.y - r, 2 * r, 2 * r}, fill: color, opacity: 1})
	}
}
