package plots

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// fontFamily is that of every picture, chart and page. It asks for what a system has anyway; widths
// are measured in the Go font, which is as wide as the widest of these.
const fontFamily = "Helvetica, Arial, 'DejaVu Sans', sans-serif"

// svgWriter builds an SVG document. Every string passes through escape.
type svgWriter struct{ bytes.Buffer }

// svg writes the scene as a document of its own, of type image/svg+xml. It has
// no script, no style sheet and no reference to anything outside.
func (s *scene) svg() []byte {
	var w svgWriter
	fmt.Fprintf(&w, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %[1]s %[2]s" role="img" font-family="%s">`,
		coord(s.w), coord(s.h), fontFamily)
	w.element("title", s.title)
	w.element("desc", s.about)
	for _, shape := range s.shapes {
		shape.svg(&w)
	}
	w.WriteString("\n</svg>\n")
	return w.Bytes()
}

func (w *svgWriter) element(name, content string) {
	if content != "" {
		fmt.Fprintf(w, "\n<%s>%s</%[1]s>", name, escape(content))
	}
}

// escape makes a string safe as text or attribute of XML and HTML. Labels have
// passed [visible] before, so that no character is left that XML cannot hold.
func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return "" // a strings.Builder does not fail
	}
	return b.String()
}

func (r rect) attributes() string {
	return fmt.Sprintf(`x="%s" y="%s" width="%s" height="%s"`, coord(r.x), coord(r.y), coord(r.w), coord(r.h))
}

func (b box) svg(w *svgWriter) {
	fmt.Fprintf(w, "\n<rect %s", b.attributes())
	fillAttributes(w, b.fill, b.opacity)
	if b.stroke != nil {
		fmt.Fprintf(w, ` stroke="%s"`, b.stroke.hex())
	}
	w.WriteString("/>")
}

func fillAttributes(w *svgWriter, fill rgb, opacity float64) {
	switch opacity {
	case 0:
		w.WriteString(` fill="none"`)
	case 1:
		fmt.Fprintf(w, ` fill="%s"`, fill.hex())
	default:
		fmt.Fprintf(w, ` fill="%s" fill-opacity="%s"`, fill.hex(), coord(opacity))
	}
}

func (p polyline) svg(w *svgWriter) {
	if len(p.points) == 0 {
		return
	}
	fmt.Fprintf(w, "\n<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"", pathData(p.points), p.color.hex(), coord(p.width))
	if len(p.dash) > 0 {
		fmt.Fprintf(w, ` stroke-dasharray="%s"`, joinCoords(p.dash))
	}
	w.WriteString(` stroke-linejoin="round"/>`)
}

func (a area) svg(w *svgWriter) {
	fmt.Fprintf(w, "\n<path d=\"%sZ\"", pathData(a.points))
	fillAttributes(w, a.fill, a.opacity)
	w.WriteString("/>")
}

func (d dot) svg(w *svgWriter) {
	fmt.Fprintf(w, "\n<circle cx=\"%s\" cy=\"%s\" r=\"%s\"", coord(d.center.x), coord(d.center.y), coord(d.r))
	fillAttributes(w, d.fill, d.opacity)
	w.WriteString(` stroke="#ffffff" stroke-width="0.5"/>`)
}

var anchorNames = [...]string{start: "start", middle: "middle", end: "end"}

func (t text) svg(w *svgWriter) {
	fmt.Fprintf(w, "\n<text x=\"%s\" y=\"%s\" font-size=\"%s\" fill=\"%s\"", coord(t.at.x), coord(t.at.y+t.size*xHeight/2), coord(t.size), t.color.hex())
	if t.anchor != start {
		fmt.Fprintf(w, ` text-anchor="%s"`, anchorNames[t.anchor])
	}
	if t.bold {
		w.WriteString(` font-weight="bold"`)
	}
	if t.rotate != 0 {
		fmt.Fprintf(w, ` transform="rotate(%s %s %s)"`, coord(t.rotate), coord(t.at.x), coord(t.at.y))
	}
	fmt.Fprintf(w, `>%s</text>`, escape(t.s))
}

// svg writes one path a colour, in units of cells: a fraction of the size that
// a rectangle a cell would take. Cells alike beside each other become one run.
func (c cells) svg(w *svgWriter) {
	if len(c.colors) == 0 || len(c.colors[0]) == 0 {
		return
	}
	cw, ch := c.w/float64(len(c.colors[0])), c.h/float64(len(c.colors))
	fmt.Fprintf(w, "\n<g transform=\"translate(%s %s) scale(%s %s)\" shape-rendering=\"crispEdges\">",
		coord(c.x), coord(c.y), precise(cw), precise(ch))
	order, paths := c.runs()
	for _, color := range order {
		fmt.Fprintf(w, "\n<path fill=\"%s\" d=\"%s\"/>", color.hex(), paths[color])
	}
	w.WriteString("\n</g>")
}

// runs gathers the cells of each colour, colours in the order of first use.
func (c cells) runs() ([]rgb, map[rgb]*strings.Builder) {
	var order []rgb
	paths := map[rgb]*strings.Builder{}
	for y, row := range c.colors {
		for x := 0; x < len(row); {
			n := 1
			for x+n < len(row) && row[x+n] == row[x] {
				n++
			}
			path := paths[row[x]]
			if path == nil {
				path = new(strings.Builder)
				paths[row[x]], order = path, append(order, row[x])
			}
			fmt.Fprintf(path, "M%d %dh%dv1h-%[3]dz", x, y, n)
			x += n
		}
	}
	return order, paths
}

// pathData writes "M1 2L3 4": absolute coordinates, which do not add up errors.
func pathData(points []point) string {
	var b strings.Builder
	for i, p := range points {
		b.WriteByte("LM"[boolIndex(i == 0)])
		b.WriteString(coord(p.x) + " " + coord(p.y))
	}
	return b.String()
}

func boolIndex(b bool) int {
	if b {
		return 1
	}
	return 0
}

func joinCoords(values []float64) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = coord(v)
	}
	return strings.Join(parts, " ")
}
