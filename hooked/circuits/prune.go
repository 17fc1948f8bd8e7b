package circuits

import (
	"cmp"
	"math"
	"slices"

	"gopherlens/internal/brief"
)

// Thresholds that circuit-tracer prunes with unless told otherwise.
const (
	NodeThreshold = 0.8
	EdgeThreshold = 0.98
)

// A Pruned graph is what of a graph matters most.
type Pruned struct {
	Graph *Graph
	Nodes []bool // those that are kept
	Edges []bool // [target, source]
	// Cumulative is, of each node, the share of all influence that it and the nodes of more
	// influence have, in the whole graph.
	Cumulative []float64
	// NodeThreshold and EdgeThreshold are what was asked for.
	NodeThreshold, EdgeThreshold float64
}

// Prune keeps the nodes that together have the share nodes of all influence, with all tokens and
// logits, and of the edges between them those that carry the share edges of it. What then leads
// nowhere, or is a feature that nothing leads to, goes too. The usual shares are [NodeThreshold]
// and [EdgeThreshold]; 1 keeps all that has any influence.
func (g *Graph) Prune(nodes, edges float64) (*Pruned, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	for _, t := range []struct {
		name  string
		share float64
	}{{"nodes", nodes}, {"edges", edges}} {
		if !(t.share >= 0 && t.share <= 1) {
			return nil, brief.Errorf("circuits: Prune: the share of %s is %v: want 0 to 1", t.name, t.share)
		}
	}
	influence := g.shared(g.Adjacency).influence
	p := &Pruned{Graph: g, Cumulative: cumulative(influence), NodeThreshold: nodes, EdgeThreshold: edges}
	_, tokens, _ := g.firsts()
	cut := cutAt(influence, nodes)
	for i, v := range influence {
		p.Nodes = append(p.Nodes, v >= cut || i >= tokens)
	}
	p.cutEdges(edges)
	p.dropLoose()
	return p, nil
}

// cutEdges keeps the edges between the kept nodes that carry the most influence.
func (p *Pruned) cutEdges(share float64) {
	n := p.Graph.Len()
	kept := slices.Clone(p.Graph.Adjacency)
	for i := range kept {
		if !p.Nodes[i/n] || !p.Nodes[i%n] {
			kept[i] = 0
		}
	}
	s := p.Graph.shared(kept)
	scores := make([]float64, n*n)
	for i := range n {
		s.score(i, scores[i*n:(i+1)*n])
	}
	cut := cutAt(scores, share)
	p.Edges = make([]bool, n*n)
	for i, v := range scores {
		p.Edges[i] = v >= cut
	}
}

// score is the influence that each edge into a node carries.
func (s shareOut) score(node int, into []float64) {
	passOn(into, s.row(node), s.influence[node]+s.weight(node), leastSum)
}

// cutAt is the least of the largest scores that together make up a share of all; infinite if there
// are none.
func cutAt(scores []float64, share float64) float64 {
	positive := make([]float64, 0, len(scores))
	for _, v := range scores {
		if v > 0 {
			positive = append(positive, v)
		}
	}
	if len(positive) == 0 {
		return math.Inf(1)
	}
	slices.SortFunc(positive, func(a, b float64) int { return cmp.Compare(b, a) })
	total, so := sum(positive), 0.0
	for _, v := range positive {
		if so += v; so/total >= share {
			return v
		}
	}
	return positive[len(positive)-1]
}

// cumulative is the share of all influence down to each node.
func cumulative(influence []float64) []float64 {
	order := make([]int, len(influence))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(influence[b], influence[a]) })
	out := make([]float64, len(influence))
	total, so := sum(influence), 0.0
	for _, i := range order {
		so += influence[i]
		if total > 0 {
			out[i] = min(so/total, 1)
		}
	}
	return out
}

// dropLoose drops features and errors that lead nowhere, features that nothing leads to, and their
// edges, until there are none.
func (p *Pruned) dropLoose() {
	features, tokens, _ := p.Graph.firsts()
	for again := true; again; {
		in, out := p.degrees()
		again = false
		for i := range tokens {
			if p.Nodes[i] && (out[i] == 0 || i < features && in[i] == 0) {
				p.Nodes[i], again = false, true
			}
		}
		if again {
			p.dropEdges()
		}
	}
}

// degrees are how many edges lead to each node, and from it.
func (p *Pruned) degrees() (in, out []int) {
	n := len(p.Nodes)
	in, out = make([]int, n), make([]int, n)
	for i, kept := range p.Edges {
		if kept {
			in[i/n]++
			out[i%n]++
		}
	}
	return in, out
}

// dropEdges drops the edges of nodes that are not kept.
func (p *Pruned) dropEdges() {
	n := len(p.Nodes)
	for i := range p.Edges {
		p.Edges[i] = p.Edges[i] && p.Nodes[i/n] && p.Nodes[i%n]
	}
}

// Count is the number of nodes and edges that are kept.
func (p *Pruned) Count() (nodes, edges int) {
	if p == nil {
		return 0, 0
	}
	count := func(all []bool) (n int) {
		for _, kept := range all {
			if kept {
				n++
			}
		}
		return n
	}
	return count(p.Nodes), count(p.Edges)
}
