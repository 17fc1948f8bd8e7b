package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limits of a [CircuitGraph]. Of the edges beyond, those with the smallest values are left out, and
// then the nodes that no edge is left of; the figure says so.
const (
	CircuitEdges = 1500
	CircuitNodes = 600
)

// Wiring is nodes in rows and edges between them, as another package has them: the heads and MLPs of
// a circuit. [WiringList] is the one of this package.
type Wiring interface {
	// WiringRows are the names of the rows, the lowest first.
	WiringRows() []string
	// WiringNodes are the names of the nodes, and which row each stands in.
	WiringNodes() (names []string, rows []int)
	// WiringEdges go from a node to another in a higher row, with a value each and a word for what
	// of the node they end at, which may be empty.
	WiringEdges() (from, to []int, values []float32, words []string)
}

// WiringList is nodes and edges that are told one by one.
type WiringList struct {
	Rows  []string // the lowest first
	Nodes []WiredNode
	Edges []Wire
}

// WiredNode is a node of a [WiringList].
type WiredNode struct {
	Name string
	Row  int
}

// Wire is an edge of a [WiringList], by the numbers of its nodes.
type Wire struct {
	From, To int
	Value    float64
	Word     string // what of the node it ends at, such as "q"
}

// WiringRows implements [Wiring].
func (w WiringList) WiringRows() []string { return w.Rows }

// WiringNodes implements [Wiring].
func (w WiringList) WiringNodes() (names []string, rows []int) {
	for _, n := range w.Nodes {
		names, rows = append(names, n.Name), append(rows, n.Row)
	}
	return names, rows
}

// WiringEdges implements [Wiring].
func (w WiringList) WiringEdges() (from, to []int, values []float32, words []string) {
	for _, e := range w.Edges {
		from, to = append(from, e.From), append(to, e.To)
		values, words = append(values, float32(e.Value)), append(words, e.Word)
	}
	return from, to, values, words
}

// CircuitGraph draws nodes in rows, the first row at the bottom, and the edges between them: the
// head-to-head graph of a circuit. An edge is blue where its value is positive and red where it is
// negative, wider and stronger the larger it is. In a notebook the pointer on a node shows its edges
// alone and lists them, and a click holds it. Axes.Unit says what the values are.
func CircuitGraph(w Wiring, axes Axes) Figure {
	g, err := newWired(w, axes)
	return figure("CircuitGraph", g, err)
}

// wired is the figure.
type wired struct {
	axes  Axes
	rows  []string // of those that nodes stand in, the lowest first
	nodes []wiredNode
	edges []wiredEdge // the smallest values first, so that the largest lie on top
	most  float64     // the largest absolute value
	size  point       // of the graph, without the heading
	notes []string
}

type wiredNode struct {
	name string
	row  int
	box  rect // where it is drawn
}

type wiredEdge struct {
	from, to int
	value    float64
	word     string
}

func newWired(w Wiring, axes Axes) (*wired, error) {
	if err := axes.check("CircuitGraph", "Unit"); err != nil {
		return nil, err
	}
	if w == nil {
		return nil, fmt.Errorf("%w: want a Wiring, such as a WiringList", errNoData)
	}
	g := &wired{axes: axes}
	if err := g.readFrom(w); err != nil {
		return nil, err
	}
	g.cut()
	g.layout()
	return g, nil
}

// readFrom is read of somebody else's type, whose methods may panic.
func (g *wired) readFrom(w Wiring) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading %s: %s", typeName(w), hoverText(fmt.Sprint(r)))
		}
	}()
	return g.read(w)
}

// read copies the wiring and refuses what cannot be drawn.
func (g *wired) read(w Wiring) error {
	g.rows = slices.Clone(w.WiringRows())
	names, rows := w.WiringNodes()
	if len(names) == 0 {
		return fmt.Errorf("%w: there are no nodes", errNoData)
	}
	if len(rows) != len(names) {
		return fmt.Errorf("there are %d nodes and rows of %d", len(names), len(rows))
	}
	for i, name := range names {
		if rows[i] < 0 || rows[i] >= len(g.rows) {
			return fmt.Errorf("node %d stands in row %d, there are %d rows", i, rows[i], len(g.rows))
		}
		g.nodes = append(g.nodes, wiredNode{name: name, row: rows[i]})
	}
	from, to, values, words := w.WiringEdges()
	if len(to) != len(from) || len(values) != len(from) || len(words) != len(from) {
		return fmt.Errorf("the edges have %d beginnings, %d ends, %d values and %d words: want as many", len(from), len(to), len(values), len(words))
	}
	for i := range from {
		e := wiredEdge{from[i], to[i], float64(values[i]), words[i]}
		switch n := len(names); {
		case e.from < 0 || e.from >= n || e.to < 0 || e.to >= n:
			return fmt.Errorf("edge %d goes from node %d to node %d, there are %d nodes", i, e.from, e.to, n)
		case g.nodes[e.from].row >= g.nodes[e.to].row:
			return fmt.Errorf("edge %d goes from row %d to row %d: edges go up", i, g.nodes[e.from].row, g.nodes[e.to].row)
		case !finite(e.value):
			return fmt.Errorf("the value of edge %d is %v", i, e.value)
		}
		g.edges = append(g.edges, e)
	}
	return nil
}

// cut leaves out what is beyond the limits, and the rows that nothing stands in.
func (g *wired) cut() {
	slices.SortStableFunc(g.edges, func(a, b wiredEdge) int { return cmp.Compare(math.Abs(a.value), math.Abs(b.value)) })
	all := len(g.nodes)
	if n := len(g.edges); n > CircuitEdges {
		g.edges = g.edges[n-CircuitEdges:]
		g.notes = append(g.notes, fmt.Sprintf("the %d largest of %d edges", CircuitEdges, n))
		g.keepNodes(g.wiredNodes(len(g.nodes)))
	}
	for n := CircuitNodes; len(g.nodes) > CircuitNodes && n > 0; n-- { // by the largest edges
		if kept := g.wiredNodes(n); len(kept) <= CircuitNodes {
			g.keepNodes(kept)
		}
	}
	if len(g.nodes) < all {
		g.notes = append(g.notes, fmt.Sprintf("%d of %d nodes", len(g.nodes), all))
	}
	g.dropRows()
	for _, e := range g.edges {
		g.most = max(g.most, math.Abs(e.value))
	}
}

// wiredNodes are the nodes that the n largest edges join; the first ones if there are no edges.
func (g *wired) wiredNodes(n int) map[int]bool {
	kept := make(map[int]bool)
	for _, e := range g.edges[max(0, len(g.edges)-n):] {
		kept[e.from], kept[e.to] = true, true
	}
	for i := 0; len(g.edges) == 0 && i < CircuitNodes; i++ {
		kept[i] = true
	}
	return kept
}

// keepNodes leaves out all other nodes, and the edges at these.
func (g *wired) keepNodes(kept map[int]bool) {
	place := make([]int, len(g.nodes))
	var nodes []wiredNode
	for i, n := range g.nodes {
		place[i] = len(nodes)
		if kept[i] {
			nodes = append(nodes, n)
		}
	}
	g.nodes = nodes
	g.edges = slices.DeleteFunc(g.edges, func(e wiredEdge) bool { return !kept[e.from] || !kept[e.to] })
	for i, e := range g.edges {
		g.edges[i].from, g.edges[i].to = place[e.from], place[e.to]
	}
}

// dropRows leaves out rows without nodes.
func (g *wired) dropRows() {
	place := make([]int, len(g.rows))
	var rows []string
	for i, name := range g.rows {
		place[i] = len(rows)
		if slices.ContainsFunc(g.nodes, func(n wiredNode) bool { return n.row == i }) {
			rows = append(rows, name)
		}
	}
	g.rows = rows
	for i, n := range g.nodes {
		g.nodes[i].row = place[n.row]
	}
}

// strength is how large an edge's value is beside the largest: 0 to 1.
func (g *wired) strength(e wiredEdge) float64 {
	if g.most == 0 {
		return 0
	}
	return math.Abs(e.value) / g.most
}

func (g *wired) describe() string {
	var b strings.Builder
	if g.axes.Title != "" {
		b.WriteString(visible(g.axes.Title) + ". ")
	}
	fmt.Fprintf(&b, "Graph of %s and %s in %s", count(len(g.nodes), "node", "nodes"), count(len(g.edges), "edge", "edges"), count(len(g.rows), "row", "rows"))
	if n := len(g.edges); n > 0 {
		b.WriteString(". Strongest: ")
		var words []string
		for i := range min(3, n) {
			words = append(words, g.edgeText(g.edges[n-1-i]))
		}
		b.WriteString(strings.Join(words, "; "))
	}
	b.WriteString(".")
	for _, note := range g.notes {
		b.WriteString("\n" + note + ".")
	}
	return b.String()
}

// edgeText tells an edge in words.
func (g *wired) edgeText(e wiredEdge) string {
	to := hoverText(g.nodes[e.to].name)
	if e.word != "" {
		to += " " + hoverText(e.word)
	}
	return fmt.Sprintf("%s → %s: %s", hoverText(g.nodes[e.from].name), to, format(e.value))
}
