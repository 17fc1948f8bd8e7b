package plots

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
)

//go:embed assets/circuit.js
var circuitScript string

// fragment is the static picture; the script draws over it what answers the pointer.
func (g *wired) fragment() string {
	s := g.scene()
	var b strings.Builder
	b.WriteString(fragmentOpen("gl-circuit", Axes{Width: g.axes.Width}))
	fmt.Fprintf(&b, "<img class=\"gl-map\" alt=\"%s\" width=\"%s\" height=\"%s\" src=\"data:image/svg+xml;base64,%s\">\n",
		escape(g.describe()), coord(s.w), coord(s.h), base64.StdEncoding.EncodeToString(s.svg()))
	b.WriteString(fragmentLive(g.model(s), circuitScript))
	return b.String()
}

// model is what the script draws: nodes with their places and tips, edges with their ways.
func (g *wired) model(s *scene) object {
	top := s.h - g.size.y - 2*gap
	nodes, edges := list{}, list{}
	for i, n := range g.nodes {
		nodes = append(nodes, object{"X": n.box.x, "Y": n.box.y + top, "W": n.box.w, "H": n.box.h,
			"Name": clip(visible(n.name), wiredName), "Tip": anys(g.tip(i))})
	}
	for _, e := range g.edges {
		edges = append(edges, object{"From": e.from, "To": e.to, "Way": pathData(g.curve(e, top)), "Color": g.color(e).hex(), "Width": g.width(e)})
	}
	return object{"Width": s.w, "Height": s.h, "Nodes": nodes, "Edges": edges}
}
