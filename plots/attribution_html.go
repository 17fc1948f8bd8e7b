package plots

import (
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

var (
	//go:embed assets/attribution.js
	attributionScript string
	//go:embed assets/attribution.css
	attributionStyle string
)

// fragment is the static picture; the script draws its own over the grid, and what is known of the
// node that is chosen below it.
func (c *circuit) fragment() string {
	var b strings.Builder
	b.WriteString(fragmentOpen("gl-attribution", Axes{Width: c.axes.Width}))
	b.WriteString("<style>\n" + cardStyle + attributionStyle + "</style>\n")
	s := c.scene()
	fmt.Fprintf(&b, "<div class=\"gl-map\" style=\"position:relative;overflow-x:auto\"><img alt=\"%s\" width=\"%s\" height=\"%s\" style=\"max-width:none;display:block\" src=\"data:image/svg+xml;base64,%s\"></div>\n",
		escape(c.describe()), coord(s.w), coord(s.h), base64.StdEncoding.EncodeToString(s.svg()))
	b.WriteString(fragmentLive(c.model(), withCard(attributionScript)))
	return b.String()
}

// model is what the script draws from, a list for each property of the nodes. Links are packed.
func (c *circuit) model() object {
	nodes := object{}
	add := func(name string, value any) {
		all, _ := nodes[name].(list)
		nodes[name] = append(all, value)
	}
	raw := list{}
	for _, n := range c.nodes {
		add("Id", n.id)
		add("X", n.at.x-c.frame.plot.x)
		add("Y", n.at.y-c.frame.plot.y)
		add("Kind", int(n.kind))
		add("Row", n.row)
		add("Title", n.title(c.tokens))
		add("Label", hoverText(n.label))
		add("Numbers", n.numbers)
		add("Card", n.card)
		if math.IsNaN(n.influence) {
			add("Influence", nil)
		} else {
			add("Influence", n.influence)
		}
		raw = append(raw, n.raw)
	}
	document := object{"nodes": raw}
	for key, value := range c.raw {
		document[key] = value
	}
	var source, target, weight []byte
	for _, l := range c.links {
		source = binary.LittleEndian.AppendUint16(source, uint16(l.source))
		target = binary.LittleEndian.AppendUint16(target, uint16(l.target))
		weight = binary.LittleEndian.AppendUint32(weight, math.Float32bits(float32(l.weight)))
	}
	f := c.frame
	inside := func(values []float64, from float64) list {
		out := list{}
		for _, v := range values {
			out = append(out, round(v-from, 6))
		}
		return out
	}
	colors := list{}
	for _, color := range kindColors {
		colors = append(colors, color.hex())
	}
	return object{"Nodes": nodes, "Source": source, "Target": target, "Weight": weight, "Document": document, "Cards": orEmpty(c.cards),
		"Words": orEmpty(c.words.words), "Breaks": orEmpty(c.words.breaks), "Palettes": cardPalettes(), "Colors": colors,
		"Up": redBlue[len(redBlue)-2].hex(), "Down": redBlue[1].hex(),
		"Left": f.plot.x, "Top": f.plot.y, "Width": f.plot.w, "Height": f.plot.h, "Columns": inside(f.columns, f.plot.x), "Rows": inside(f.rows, f.plot.y)}
}

func orEmpty(l list) list {
	if l == nil {
		return list{}
	}
	return l
}
