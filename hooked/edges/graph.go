package edges

import (
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Graph is a model as nodes that read and write the residual stream, and the edges between them:
// from each node to all that read after it. Edges are numbered, target by target in the order of
// the forward pass, and for each target source by source.
type Graph struct {
	shape
	sources []Node
	targets []target
	total   int
}

// shape is what decides a graph.
type shape struct {
	layers, heads, groups int  // groups are of keys and values
	mlp                   bool // there are MLPs
	parallel              bool // which read what attention reads
	postNorm              bool // a norm stands between the heads and the residual stream
}

// target is an input that a node reads from the residual stream.
type target struct {
	node  Node
	part  Part
	reads int // how many sources, the first ones
	first int // the number of its first edge
}

// GraphOf is the graph of a model.
func GraphOf(m *hooked.Model) (*Graph, error) {
	if err := hooked.Try(func() { m.Config() }); err != nil {
		return nil, err
	}
	c := m.Config()
	if c.NormAfterSum {
		return nil, brief.Errorf("edges: in a model of %s norms stand after the sums, so that its residual stream is no sum of what the nodes write",
			brief.Text(c.Architecture))
	}
	if c.NormalizesOutputs() && c.Normalization.Centred() {
		return nil, brief.Errorf("edges: in a model of %s a centring norm stands between the heads and the residual stream, which has no share for each head",
			brief.Text(c.Architecture))
	}
	g := &Graph{shape: shape{layers: c.NLayers, heads: c.NHeads, groups: c.NKeyValueHeads, mlp: !c.AttnOnly, parallel: c.ParallelAttnMLP,
		postNorm: c.NormalizesOutputs()}}
	g.number()
	return g, nil
}

// number lists sources and targets.
func (g *Graph) number() {
	g.sources = []Node{{Kind: Input}}
	for l := range g.layers {
		before := len(g.sources)
		g.readHeads(l, before)
		for h := range g.heads {
			g.sources = append(g.sources, Node{Head, l, h})
		}
		if !g.mlp {
			continue
		}
		reads := len(g.sources)
		if g.parallel {
			reads = before
		}
		g.read(Node{Kind: MLP, Layer: l}, "", reads)
		g.sources = append(g.sources, Node{Kind: MLP, Layer: l})
	}
	g.read(Node{Kind: Logits}, "", len(g.sources))
}

// readHeads lists what the heads of a layer read.
func (g *Graph) readHeads(l, reads int) {
	kind := Head
	if g.groups != g.heads {
		kind = Group
	}
	for h := range g.heads {
		g.read(Node{Head, l, h}, Q, reads)
	}
	for _, part := range []Part{K, V} {
		for h := range g.groups {
			g.read(Node{kind, l, h}, part, reads)
		}
	}
}

func (g *Graph) read(n Node, part Part, reads int) {
	g.targets = append(g.targets, target{n, part, reads, g.total})
	g.total += reads
}

// perLayer is how many nodes a layer has.
func (g shape) perLayer() int {
	if g.mlp {
		return g.heads + 1
	}
	return g.heads
}

// below is how many sources lie below a layer.
func (g shape) below(l int) int { return 1 + l*g.perLayer() }

// headTargets is how many targets the heads of a layer are.
func (g shape) headTargets() int { return g.heads + 2*g.groups }

// layerTargets is how many targets a layer has, and targetsOf are those of layer l.
func (g shape) layerTargets() int {
	if g.mlp {
		return g.headTargets() + 1
	}
	return g.headTargets()
}

func (g *Graph) targetsOf(l int) []target {
	n := g.layerTargets()
	return g.targets[l*n : (l+1)*n]
}

// logits is the last target.
func (g *Graph) logits() target { return g.targets[len(g.targets)-1] }

// need is g, which must be a graph.
func (g *Graph) need() *Graph {
	if g == nil || g.total == 0 {
		fail("the graph is nil or empty: make it with GraphOf")
	}
	return g
}

// fail panics with an error, which hooked.Try returns.
func fail(format string, args ...any) { panic(brief.Errorf("edges: "+format, args...)) }

// Len is the number of edges. What a method of a graph panics with is an error that [hooked.Try]
// returns.
func (g *Graph) Len() int { return g.need().total }

// Nodes are all nodes that write, in the order of the forward pass.
func (g *Graph) Nodes() []Node { return slices.Clone(g.need().sources) }

// Edge is the edge with a number. It panics if there is none.
func (g *Graph) Edge(i int) Edge {
	if i < 0 || i >= g.need().total {
		fail("there is no edge %d: the graph has %d", i, g.total)
	}
	t := g.targetOf(i)
	return Edge{From: g.sources[i-t.first], To: t.node, Part: t.part}
}

// targetOf is the target of an edge.
func (g *Graph) targetOf(edge int) target {
	at, found := slices.BinarySearchFunc(g.targets, edge, func(t target, edge int) int { return t.first - edge })
	if !found {
		at--
	}
	return g.targets[at]
}

// Number is the number of an edge, or an error that says why the graph has none such.
func (g *Graph) Number(e Edge) (int, error) {
	if g == nil || g.total == 0 {
		return 0, brief.Errorf("edges: the graph is nil or empty: make it with GraphOf")
	}
	at := slices.IndexFunc(g.targets, func(t target) bool { return t.node == e.To && t.part == e.Part })
	if at < 0 {
		return 0, brief.Errorf("edges: %s: nothing in the graph reads as %s does", brief.Text(e.String()), brief.Text(e.reader()))
	}
	from := slices.Index(g.sources, e.From)
	switch t := g.targets[at]; {
	case from < 0:
		return 0, brief.Errorf("edges: %s: the graph has no node %s", brief.Text(e.String()), brief.Text(e.From.String()))
	case from >= t.reads:
		return 0, brief.Errorf("edges: %s: %s writes after %s has read", brief.Text(e.String()), e.From, e.reader())
	default:
		return t.first + from, nil
	}
}

// String tells how large it is.
func (g *Graph) String() string {
	if g == nil || g.total == 0 {
		return "no graph"
	}
	return brief.Sprintf("a graph of %d nodes and %d edges", len(g.sources)+1, g.total)
}
