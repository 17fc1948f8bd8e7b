package plots

// A scene is a picture as data: what SVG and PNG are both written from, so that
// the two cannot differ. Lengths are CSS pixels, y points down.
type scene struct {
	w, h   float64
	title  string // for readers that cannot see the picture
	about  string
	shapes []shape
	spots  []spot // what the pointer can rest on
}

// A shape can draw itself in either medium.
type shape interface {
	svg(*svgWriter)
	paint(*canvas)
	moved(by point) shape
}

type point struct{ x, y float64 }

// rect is an upright rectangle.
type rect struct{ x, y, w, h float64 }

func (r rect) right() float64  { return r.x + r.w }
func (r rect) bottom() float64 { return r.y + r.h }

// box is a filled rectangle; a stroke colour, if any, is drawn inside its edge.
type box struct {
	rect
	fill    rgb
	opacity float64 // of the fill; 0 is none
	stroke  *rgb
}

// polyline is a line through points.
type polyline struct {
	points []point
	color  rgb
	width  float64
	dash   []float64
}

// area is a filled polygon.
type area struct {
	points  []point
	fill    rgb
	opacity float64
}

// dot is a filled circle with a thin white edge, which keeps overlapping dots
// apart.
type dot struct {
	center  point
	r       float64
	fill    rgb
	opacity float64
}

// text is one line of text. Its anchor is the point that at gives: vertically
// the middle of the small letters.
type text struct {
	at     point
	s      string
	size   float64
	color  rgb
	anchor anchor
	rotate float64 // degrees clockwise around at
	bold   bool
}

type anchor int

const (
	start anchor = iota
	middle
	end
)

// cells is a heat map's body: colours [row][column] in equal cells.
type cells struct {
	rect
	colors [][]rgb
}

func (s *scene) add(shapes ...shape) { s.shapes = append(s.shapes, shapes...) }

// place adds another picture with its top left corner at a point.
func (s *scene) place(other *scene, at point) {
	for _, shape := range other.shapes {
		s.add(shape.moved(at))
	}
	for _, spot := range other.spots {
		s.spots = append(s.spots, spot.moved(at))
	}
}

func (p point) plus(q point) point { return point{p.x + q.x, p.y + q.y} }

func movedPoints(points []point, by point) []point {
	out := make([]point, len(points))
	for i, p := range points {
		out[i] = p.plus(by)
	}
	return out
}

func (r rect) plus(by point) rect { return rect{r.x + by.x, r.y + by.y, r.w, r.h} }

func (b box) moved(by point) shape   { b.rect = b.rect.plus(by); return b }
func (c cells) moved(by point) shape { c.rect = c.rect.plus(by); return c }
func (d dot) moved(by point) shape   { d.center = d.center.plus(by); return d }
func (t text) moved(by point) shape  { t.at = t.at.plus(by); return t }

func (p polyline) moved(by point) shape { p.points = movedPoints(p.points, by); return p }
func (a area) moved(by point) shape     { a.points = movedPoints(a.points, by); return a }

func (s spot) moved(by point) spot {
	if s.Grid != nil {
		grid := *s.Grid
		grid.X, grid.Y = grid.X+by.x, grid.Y+by.y
		s.Grid = &grid
		return s
	}
	s.X, s.Y = s.X+by.x, s.Y+by.y
	return s
}

// spot is a place of the picture that answers the pointer and the keyboard: a
// single mark, or a grid of cells.
type spot struct {
	// Mark: the tooltip's lines and the place it belongs to.
	X, Y float64  `json:",omitzero"`
	Tip  []string `json:",omitempty"`
	// Grid: its place, its shape and a tip a cell, row by row.
	Grid *gridSpot `json:",omitempty"`
}

type gridSpot struct {
	X, Y, W, H float64
	Head       string   `json:",omitempty"` // which facet this is
	XName      string   `json:",omitempty"`
	YName      string   `json:",omitempty"`
	Unit       string   `json:",omitempty"`
	XLabels    []string // one a column
	YLabels    []string // one a row
	Values     []string // as they are to be read, row by row
	Text       []string `json:",omitempty"` // the words in the cells
}
