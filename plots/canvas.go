package plots

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// pngScale is how many pixels a PNG has for each of the scene's, so that it is
// sharp on today's screens and in print.
const pngScale = 2

// canvas paints shapes into an image.
type canvas struct {
	img   *image.RGBA
	scale float64
}

// maxPixels is one for each of the largest picture that Axes can ask for.
const maxPixels = maxSide * maxSide

// png paints the scene, [pngScale] pixels to each of its own, or fewer where
// these would be too many for the memory.
func (s *scene) png() ([]byte, error) {
	scale := min(pngScale, math.Sqrt(maxPixels/(s.w*s.h)))
	w, h := int(math.Ceil(s.w*scale)), int(math.Ceil(s.h*scale))
	c := &canvas{image.NewRGBA(image.Rect(0, 0, w, h)), scale}
	draw.Draw(c.img, c.img.Bounds(), image.White, image.Point{}, draw.Src)
	for _, shape := range s.shapes {
		shape.paint(c)
	}
	var b bytes.Buffer
	// A third of the time of the default for a few more bytes: a cell waits for it.
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	err := encoder.Encode(&b, c.img)
	return b.Bytes(), err
}

// outline is a set of closed curves in device pixels, all turning the same way
// so that where they overlap they add up to "inside".
type outline [][]curve

// curve is a segment to p[n-1]: a line, or a Bézier curve of degree 2 or 3.
type curve struct {
	p [3]point
	n int
}

func lineTo(p point) curve { return curve{[3]point{p}, 1} }

// polygon scales points to the device and closes them.
func (c *canvas) polygon(points ...point) []curve {
	path := make([]curve, 0, len(points)+1)
	for _, p := range points {
		path = append(path, lineTo(c.device(p)))
	}
	return path
}

func (c *canvas) device(p point) point { return point{p.x * c.scale, p.y * c.scale} }

// fill paints an outline. The rasteriser works on the outline's own bounds, so
// that a small letter does not cost a whole page.
func (c *canvas) fill(o outline, col rgb, opacity float64) {
	c.fillWithin(o, o.bounds(), col, opacity)
}

// fillWithin paints what of an outline lies in a rectangle.
func (c *canvas) fillWithin(o outline, bounds image.Rectangle, col rgb, opacity float64) {
	bounds = bounds.Intersect(c.img.Bounds())
	if bounds.Empty() || opacity == 0 {
		return
	}
	r := vector.NewRasterizer(bounds.Dx(), bounds.Dy())
	dx, dy := float64(bounds.Min.X), float64(bounds.Min.Y)
	for _, path := range o {
		appendPath(r, path, dx, dy)
	}
	source := image.NewUniform(color.NRGBA{col[0], col[1], col[2], uint8(math.Round(opacity * 255))})
	r.Draw(c.img, bounds, source, image.Point{})
}

func appendPath(r *vector.Rasterizer, path []curve, dx, dy float64) {
	if len(path) == 0 {
		return
	}
	at := func(p point) (float32, float32) { return float32(p.x - dx), float32(p.y - dy) }
	r.MoveTo(at(path[0].p[0]))
	for _, seg := range path[1:] {
		ax, ay := at(seg.p[0])
		bx, by := at(seg.p[1])
		cx, cy := at(seg.p[2])
		switch seg.n {
		case 1:
			r.LineTo(ax, ay)
		case 2:
			r.QuadTo(ax, ay, bx, by)
		case 3:
			r.CubeTo(ax, ay, bx, by, cx, cy)
		}
	}
	r.ClosePath()
}

func (o outline) bounds() image.Rectangle {
	lo, hi := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, path := range o {
		for _, seg := range path {
			for _, p := range seg.p[:seg.n] {
				lo = point{min(lo.x, p.x), min(lo.y, p.y)}
				hi = point{max(hi.x, p.x), max(hi.y, p.y)}
			}
		}
	}
	if lo.x > hi.x {
		return image.Rectangle{}
	}
	return image.Rect(int(math.Floor(lo.x)), int(math.Floor(lo.y)), int(math.Ceil(hi.x)), int(math.Ceil(hi.y)))
}

func (b box) paint(c *canvas) {
	if b.fill == white && b.opacity == 1 && b.x == 0 && b.y == 0 {
		return // the page, which is white already
	}
	corners := []point{{b.x, b.y}, {b.right(), b.y}, {b.right(), b.bottom()}, {b.x, b.bottom()}}
	c.fill(outline{c.polygon(corners...)}, b.fill, b.opacity)
	if b.stroke != nil {
		polyline{points: append(corners, corners[0]), color: *b.stroke, width: 1}.paint(c)
	}
}

func (a area) paint(c *canvas) { c.fill(outline{c.polygon(a.points...)}, a.fill, a.opacity) }

func (d dot) paint(c *canvas) {
	c.fill(outline{c.circle(d.center, d.r+0.25)}, white, d.opacity)
	c.fill(outline{c.circle(d.center, d.r-0.25)}, d.fill, d.opacity)
}

// circle is a polygon fine enough for the radii that figures use.
func (c *canvas) circle(center point, r float64) []curve {
	const corners = 24
	points := make([]point, corners)
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		points[i] = point{center.x + r*cos, center.y + r*sin}
	}
	return c.polygon(points...)
}

// paint draws each piece of the line as a rectangle, with round joints.
func (p polyline) paint(c *canvas) {
	if len(p.points) == 2 && len(p.dash) == 0 {
		c.straight(p.points[0], p.points[1], p.width, p.color)
		return
	}
	var o outline
	for _, piece := range dashed(p.points, p.dash) {
		for i := 1; i < len(piece); i++ {
			o = append(o, c.stroke(piece[i-1], piece[i], p.width))
			if i > 1 && p.width > 1 {
				o = append(o, c.circle(piece[i-1], p.width/2))
			}
		}
	}
	c.fill(o, p.color, 1)
}

// straight paints one line band by band: the rectangle around a slanting line is almost empty, and
// the rasteriser's work is its area.
func (c *canvas) straight(a, b point, width float64, color rgb) {
	const band = 32 // pixels
	o := outline{c.stroke(a, b, width)}
	bounds := o.bounds()
	if bounds.Dy() <= band || bounds.Dx() <= band {
		c.fill(o, color, 1)
		return
	}
	a, b = c.device(a), c.device(b)
	slope := (b.x - a.x) / (b.y - a.y)
	reach := width*c.scale*math.Hypot(1, slope) + 2
	for y := bounds.Min.Y; y < bounds.Max.Y; y += band {
		from, to := a.x+(float64(y)-a.y)*slope, a.x+(float64(y+band)-a.y)*slope
		part := image.Rect(int(math.Floor(min(from, to)-reach)), y, int(math.Ceil(max(from, to)+reach)), y+band)
		c.fillWithin(o, part.Intersect(bounds), color, 1)
	}
}

// stroke is the rectangle around a piece of line, turning as circle turns.
func (c *canvas) stroke(a, b point, width float64) []curve {
	length := math.Hypot(b.x-a.x, b.y-a.y)
	if length == 0 {
		return nil
	}
	nx, ny := -(b.y-a.y)/length*width/2, (b.x-a.x)/length*width/2
	return c.polygon(point{a.x - nx, a.y - ny}, point{b.x - nx, b.y - ny}, point{b.x + nx, b.y + ny}, point{a.x + nx, a.y + ny})
}

// dashed cuts a line into the pieces that its dash pattern leaves.
func dashed(points []point, pattern []float64) [][]point {
	if len(pattern) == 0 || len(points) < 2 {
		return [][]point{points}
	}
	var pieces [][]point
	current, left, index := []point{points[0]}, pattern[0], 0
	for i := 1; i < len(points); i++ {
		from, to := points[i-1], points[i]
		for {
			length := math.Hypot(to.x-from.x, to.y-from.y)
			if !(length > left) { // nor if it is no number
				left -= length
				current = append(current, to)
				break
			}
			t := left / length
			from = point{from.x + t*(to.x-from.x), from.y + t*(to.y-from.y)}
			if index%2 == 0 {
				pieces = append(pieces, append(current, from))
			}
			current, index = []point{from}, index+1
			left = pattern[index%len(pattern)]
		}
	}
	if index%2 == 0 {
		pieces = append(pieces, current)
	}
	return pieces
}

// paint fills whole pixels: neighbouring cells must not show a seam.
func (g cells) paint(c *canvas) {
	for y, row := range g.colors {
		y0, y1 := c.edge(g.y, g.h, y, len(g.colors)), c.edge(g.y, g.h, y+1, len(g.colors))
		for x, col := range row {
			x0, x1 := c.edge(g.x, g.w, x, len(row)), c.edge(g.x, g.w, x+1, len(row))
			fill := image.NewUniform(color.RGBA{col[0], col[1], col[2], 255})
			draw.Draw(c.img, image.Rect(x0, y0, x1, y1), fill, image.Point{}, draw.Src)
		}
	}
}

// edge is the pixel where the i-th of n cells begins.
func (c *canvas) edge(from, length float64, i, n int) int {
	return int(math.Round((from + length*float64(i)/float64(n)) * c.scale))
}

// paint sets the letters one by one along the (perhaps rotated) baseline.
func (t text) paint(c *canvas) {
	face := regular()
	if t.bold {
		face = bold()
	}
	x, _ := t.extent()
	sin, cos := math.Sincos(t.rotate * math.Pi / 180)
	place := func(p point) point { // from the text's own axes to the device
		p.y += t.size * xHeight / 2
		return c.device(point{t.at.x + p.x*cos - p.y*sin, t.at.y + p.x*sin + p.y*cos})
	}
	var o outline
	face.lock.Lock()
	for _, r := range t.s {
		o = append(o, face.letter(r, t.size, x, place)...)
		x += face.advance(r, t.size)
	}
	face.lock.Unlock()
	c.fill(o, t.color, 1)
}

// letter is the outline of r with its origin at x on the baseline.
func (t *typeface) letter(r rune, size, x float64, place func(point) point) outline {
	if t.font == nil {
		return nil
	}
	segments, err := t.font.LoadGlyph(&t.buffer, t.glyph(r), ppem(size*pngScale), nil)
	if err != nil {
		return nil
	}
	at := func(p fixed.Point26_6) point {
		return place(point{x + float64(p.X)/64/pngScale, float64(p.Y) / 64 / pngScale})
	}
	var o outline
	for _, seg := range segments {
		n := []int{1, 1, 2, 3}[seg.Op] // move, line, quadratic, cubic
		var k curve
		k.n = n
		for i := range n {
			k.p[i] = at(seg.Args[i])
		}
		if seg.Op == sfnt.SegmentOpMoveTo {
			o = append(o, nil)
		}
		o[len(o)-1] = append(o[len(o)-1], k)
	}
	return o
}
