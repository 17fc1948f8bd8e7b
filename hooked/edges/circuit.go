package edges

import (
	"math/rand/v2"
	"slices"
	"strings"

	"gopherlens/internal/brief"
)

// A Circuit is some of a graph's edges. It never changes: methods make new ones.
type Circuit struct {
	g  *Graph
	in []bool // by the edge's number
	n  int
}

func newCircuit(g *Graph, in []bool) *Circuit {
	c := &Circuit{g: g, in: in}
	for _, yes := range in {
		if yes {
			c.n++
		}
	}
	return c
}

// All is the circuit of all edges, and None that of none.
func (g *Graph) All() *Circuit { return g.None().Complement() }

// None is the circuit of no edges.
func (g *Graph) None() *Circuit { return newCircuit(g, make([]bool, g.need().total)) }

// CircuitOf is the circuit of some edges.
func (g *Graph) CircuitOf(edges ...Edge) (*Circuit, error) {
	var in []bool
	for _, e := range edges {
		i, err := g.Number(e)
		if err != nil {
			return nil, err
		}
		if in == nil {
			in = make([]bool, g.total)
		}
		in[i] = true
	}
	if in == nil {
		return nil, brief.Errorf("edges: CircuitOf was given no edges: Graph.None is the circuit of none")
	}
	return newCircuit(g, in), nil
}

// CircuitNamed is the circuit of the edges with these names, such as "a0.h1->a5.h3<q>".
func (g *Graph) CircuitNamed(names ...string) (*Circuit, error) {
	list := make([]Edge, len(names))
	for i, name := range names {
		var err error
		if list[i], err = ParseEdge(name); err != nil {
			return nil, err
		}
	}
	return g.CircuitOf(list...)
}

// Random is a circuit of n edges that are picked with equal chances; the seed decides which.
func (g *Graph) Random(n int, seed uint64) (*Circuit, error) {
	if g == nil || g.total == 0 || n < 0 || n > g.total {
		return nil, brief.Errorf("edges: Random(%d): %s has no so many", n, g)
	}
	in := make([]bool, g.total)
	for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(g.total)[:n] {
		in[i] = true
	}
	return newCircuit(g, in), nil
}

func (c *Circuit) need() *Circuit {
	if c == nil || c.g == nil {
		fail("the circuit is nil or empty: look at the error of what should have made it")
	}
	return c
}

func (c *Circuit) check() error {
	if c == nil || c.g == nil {
		return brief.Errorf("edges: the circuit is nil or empty: look at the error of what should have made it")
	}
	return nil
}

// Len is the number of its edges. What a circuit's method panics with is an error that [hooked.Try]
// returns.
func (c *Circuit) Len() int { return c.need().n }

// Graph is the graph that it is of.
func (c *Circuit) Graph() *Graph { return c.need().g }

// Has reports whether an edge is in it.
func (c *Circuit) Has(e Edge) bool {
	i, err := c.need().g.Number(e)
	return err == nil && c.in[i]
}

// Edges are its edges in the order of their numbers.
func (c *Circuit) Edges() []Edge {
	var list []Edge
	for i, yes := range c.need().in {
		if yes {
			list = append(list, c.g.Edge(i))
		}
	}
	return list
}

// Names are the names of its edges.
func (c *Circuit) Names() []string {
	var names []string
	for _, e := range c.Edges() {
		names = append(names, e.String())
	}
	return names
}

// Nodes are the nodes that its edges join, in the order of the forward pass, those of grouped keys
// and values as their heads.
func (c *Circuit) Nodes() []Node {
	met := make(map[Node]bool)
	for _, e := range c.Edges() {
		met[e.From] = true
		for _, n := range c.g.nodesAt(e.To) {
			met[n] = true
		}
	}
	all := append(c.g.Nodes(), Node{Kind: Logits})
	return slices.DeleteFunc(all, func(n Node) bool { return !met[n] })
}

// Complement is the circuit of all other edges.
func (c *Circuit) Complement() *Circuit {
	in := make([]bool, len(c.need().in))
	for i, yes := range c.in {
		in[i] = !yes
	}
	return newCircuit(c.g, in)
}

// Without is the circuit less those edges of it that are named.
func (c *Circuit) Without(edges ...Edge) (*Circuit, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	in := slices.Clone(c.in)
	for _, e := range edges {
		i, err := c.g.Number(e)
		if err != nil {
			return nil, err
		}
		in[i] = false
	}
	return newCircuit(c.g, in), nil
}

// Prune leaves of the circuit the edges that lie on a way from the input to the logits: a node that
// reads nothing of the circuit, or that nothing of it reads, has no part in it. Where activations of
// another run are what the rest gets, the circuit computes the same without those edges.
func (c *Circuit) Prune() *Circuit {
	g := c.need().g
	fed := map[Node]bool{{Kind: Input}: true} // reached from the input
	for _, t := range g.targets {             // in the order of the forward pass
		for s := range t.reads {
			if c.in[t.first+s] && fed[g.sources[s]] {
				for _, n := range g.nodesAt(t.node) {
					fed[n] = true
				}
			}
		}
	}
	used := map[Node]bool{{Kind: Logits}: true} // that reach the logits
	in := make([]bool, len(c.in))
	for _, t := range slices.Backward(g.targets) {
		if !slices.ContainsFunc(g.nodesAt(t.node), func(n Node) bool { return used[n] }) {
			continue
		}
		for s := range t.reads {
			if c.in[t.first+s] && fed[g.sources[s]] {
				in[t.first+s] = true
				used[g.sources[s]] = true
			}
		}
	}
	return newCircuit(g, in)
}

// nodesAt are the nodes that read by a target: of a group all its heads.
func (g *Graph) nodesAt(n Node) []Node {
	if n.Kind != Group {
		return []Node{n}
	}
	size := g.heads / g.groups
	nodes := make([]Node, size)
	for i := range nodes {
		nodes[i] = Node{Head, n.Layer, n.Head*size + i}
	}
	return nodes
}

// String tells its size and its first edges.
func (c *Circuit) String() string {
	if c.check() != nil {
		return "no circuit"
	}
	const shown = 8
	names := c.Names()
	more := ""
	if len(names) > shown {
		names, more = names[:shown], ", ..."
	}
	return brief.Sprintf("%d of %d edges: %s%s", c.n, c.g.total, strings.Join(names, ", "), more)
}

// less is the circuit without some of its edges, by their numbers.
func (c *Circuit) less(edges ...int) *Circuit {
	in := append([]bool(nil), c.in...)
	for _, i := range edges {
		in[i] = false
	}
	return newCircuit(c.g, in)
}
