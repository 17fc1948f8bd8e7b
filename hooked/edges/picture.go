package edges

import (
	"fmt"

	"gopherlens/internal/brief"
)

// A Picture is a circuit as package plots draws it: plots.CircuitGraph(picture, plots.Axes{}).
type Picture struct {
	c      *Circuit
	scores *Scores
	nodes  []Node
	rows   []string
}

// Picture is the circuit with its edges' scores; without scores, which are then nil, each counts 1
// in the picture.
func (c *Circuit) Picture(s *Scores) (*Picture, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if s != nil && (s.g == nil || s.g.shape != c.g.shape) {
		return nil, brief.Errorf("edges: the picture's scores are of %s, the circuit of %s: want the same graph, or no scores", s.g, c.g)
	}
	p := &Picture{c: c, scores: s, nodes: c.Nodes()}
	if len(p.nodes) == 0 {
		return nil, brief.Errorf("edges: the circuit has no edges, so there is nothing to draw")
	}
	for row := range 2*c.g.layers + 2 {
		p.rows = append(p.rows, rowName(row, c.g.layers))
	}
	return p, nil
}

// rowOf is the row that a node stands in: the input, then heads and MLP of each layer, the logits.
func (p *Picture) rowOf(n Node) int {
	switch n.Kind {
	case Input:
		return 0
	case MLP:
		return 2*n.Layer + 2
	case Logits:
		return 2*p.c.g.layers + 1
	}
	return 2*n.Layer + 1
}

func rowName(row, layers int) string {
	switch {
	case row == 0:
		return "input"
	case row == 2*layers+1:
		return "logits"
	case row%2 == 0:
		return fmt.Sprintf("MLP %d", row/2-1)
	}
	return fmt.Sprintf("heads %d", row/2)
}

func (p *Picture) need() *Picture {
	if p == nil || p.c == nil {
		fail("the picture is nil or empty: look at the error of what should have made it")
	}
	return p
}

// WiringRows are the input, heads and MLPs of each layer, and the logits. What a picture's methods
// panic with is an error that [hooked.Try] returns.
func (p *Picture) WiringRows() []string { return append([]string(nil), p.need().rows...) }

// WiringNodes are the nodes that edges of the circuit join, and the rows that they stand in.
func (p *Picture) WiringNodes() (names []string, rows []int) {
	for _, n := range p.need().nodes {
		names, rows = append(names, n.String()), append(rows, p.rowOf(n))
	}
	return names, rows
}

// WiringEdges are the circuit's edges. One to keys or values that several heads share goes to each
// of these.
func (p *Picture) WiringEdges() (from, to []int, values []float32, words []string) {
	place := make(map[Node]int)
	for i, n := range p.need().nodes {
		place[n] = i
	}
	for i, yes := range p.c.in {
		if !yes {
			continue
		}
		e, value := p.c.g.Edge(i), float32(1)
		if p.scores != nil {
			value = p.scores.values[i]
		}
		for _, n := range p.c.g.nodesAt(e.To) {
			from, to = append(from, place[e.From]), append(to, place[n])
			values, words = append(values, value), append(words, string(e.Part))
		}
	}
	return from, to, values, words
}
