package plots

import (
	"math"
	"slices"
)

// Lengths of a graph's picture.
const (
	wiredSide   = 15.0  // the height of a node
	wiredRow    = 46.0  // from row to row, unless these are many
	wiredWidth  = 760.0 // of the page, unless a row takes more
	wiredHeight = 3000.0
	wiredName   = 14 // characters of a node's name
	wiredCurve  = 16 // pieces of an edge
)

// layout places the nodes, each row centred, the first one lowest.
func (g *wired) layout() {
	left := gap + widest(mapLabels(g.rows, axisText), labelSize) + gap
	width := orDefault(g.axes.Width, wiredWidth)
	widths := make([]float64, len(g.rows))
	for i, n := range g.nodes {
		g.nodes[i].box.w = textWidth(clip(visible(n.name), wiredName), noteSize, false) + gap
		widths[n.row] += g.nodes[i].box.w + gap/2
	}
	width = max(width, left+slices.Max(widths)+gap)
	step := max(wiredSide+gap, min(wiredRow, wiredHeight/float64(len(g.rows))))
	spare := make([]float64, len(g.rows)) // between the nodes of a row
	count := make([]float64, len(g.rows))
	for _, n := range g.nodes {
		count[n.row]++
	}
	x := make([]float64, len(g.rows))
	for r := range g.rows {
		spare[r] = min(60, (width-left-gap-widths[r])/count[r])
		x[r] = left + (width-left-gap-widths[r]-spare[r]*count[r])/2 + spare[r]/2
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		n.box.x, n.box.h = x[n.row], wiredSide
		n.box.y = float64(len(g.rows)-1-n.row) * step
		x[n.row] += n.box.w + gap/2 + spare[n.row]
	}
	g.size = point{width, float64(len(g.rows)-1)*step + wiredSide}
}

func (g *wired) scene() *scene {
	s := &scene{title: visible(g.axes.Title), about: g.describe(), w: g.size.x}
	s.add(box{})
	top := g.top(s)
	s.h = top + g.size.y + 2*gap
	s.shapes[0] = box{rect: rect{0, 0, s.w, s.h}, fill: white, opacity: 1}
	for _, e := range g.edges {
		s.add(polyline{points: g.curve(e, top), color: g.color(e), width: g.width(e)})
	}
	for r, name := range g.rows {
		y := top + g.nodes[slices.IndexFunc(g.nodes, func(n wiredNode) bool { return n.row == r })].box.y + wiredSide/2
		s.add(text{at: point{gap, y}, s: axisText(name), size: labelSize, color: muted})
	}
	for _, n := range g.nodes {
		place := n.box
		place.y += top
		at := point{place.x + place.w/2, place.y + place.h/2}
		edge := muted
		s.add(box{rect: place, fill: white, opacity: 1, stroke: &edge},
			text{at: at, s: clip(visible(n.name), wiredName), size: noteSize, color: dark, anchor: middle})
	}
	for i, n := range g.nodes {
		s.spots = append(s.spots, spot{X: n.box.x + n.box.w/2, Y: top + n.box.y + wiredSide/2, Tip: g.tip(i)})
	}
	return s
}

// top draws the heading and returns where the graph begins below it.
func (g *wired) top(s *scene) float64 {
	notes := slices.Clone(g.notes)
	if g.most > 0 {
		notes = append(notes, "blue: positive, red: negative; the widest "+format(g.most)+" "+visible(g.axes.Unit))
	}
	return drawHeading(s, g.axes.Title, notes) + gap
}

// curve is the way of an edge, from the top of a node to the bottom of the other.
func (g *wired) curve(e wiredEdge, top float64) []point {
	a, b := g.nodes[e.from].box, g.nodes[e.to].box
	from, to := point{a.x + a.w/2, top + a.y}, point{b.x + b.w/2, top + b.y + b.h}
	bend := (from.y - to.y) / 2
	points := make([]point, wiredCurve+1)
	for i := range points {
		t := float64(i) / wiredCurve
		u := 1 - t
		points[i] = point{
			x: u*u*(u+3*t)*from.x + t*t*(t+3*u)*to.x,
			y: u*u*u*from.y + 3*u*u*t*(from.y-bend) + 3*u*t*t*(to.y+bend) + t*t*t*to.y,
		}
	}
	return points
}

// color is blue or red, paler for a small value but never white.
func (g *wired) color(e wiredEdge) rgb {
	full := redBlue[len(redBlue)-2]
	if e.value < 0 {
		full = redBlue[1]
	}
	strength := 0.3 + 0.7*g.strength(e)
	var c rgb
	for i := range c {
		c[i] = uint8(math.Round(255 - strength*(255-float64(full[i]))))
	}
	return c
}

func (g *wired) width(e wiredEdge) float64 { return 0.8 + 3.2*g.strength(e) }

// wiredListed is how many edges the pointer lists in either direction.
const wiredListed = 8

// tip lists the edges of a node, the largest first.
func (g *wired) tip(node int) []string {
	lines := []string{hoverText(g.nodes[node].name)}
	for _, way := range []struct {
		head string
		at   func(e wiredEdge) int
	}{{"reads", func(e wiredEdge) int { return e.to }}, {"is read by", func(e wiredEdge) int { return e.from }}} {
		n := 0
		for _, e := range slices.Backward(g.edges) {
			if way.at(e) != node {
				continue
			}
			if n++; n <= wiredListed {
				lines = append(lines, g.edgeText(e))
			}
		}
		if n > wiredListed {
			lines = append(lines, "… "+way.head+" "+count(n-wiredListed, "edge", "edges")+" more")
		}
	}
	return lines
}
