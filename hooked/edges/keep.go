package edges

import (
	"bytes"
	"encoding/gob"

	"gopherlens/internal/brief"
)

// This file makes scores and circuits encodable, for hooked.Once and encoding/gob.

// kept is what is kept of scores or a circuit: what decides the graph, and a value for each edge.
type kept struct {
	Layers, Heads, Groups   int
	MLP, Parallel, PostNorm bool
	Scores                  []float32
	Edges                   []int // of a circuit, by their numbers
}

// Bounds of a graph that is read: no model has more layers or heads.
const (
	most      = 1 << 12
	mostHeads = 1 << 14
)

func (g *Graph) keep() kept {
	return kept{Layers: g.layers, Heads: g.heads, Groups: g.groups, MLP: g.mlp, Parallel: g.parallel, PostNorm: g.postNorm}
}

func (k kept) graph() (*Graph, error) {
	sound := k.Groups > 0 && k.Heads%k.Groups == 0
	for _, n := range []int{k.Layers, k.Heads, k.Groups} {
		sound = sound && n > 0 && n <= most
	}
	if !sound || k.Layers*k.Heads > mostHeads {
		return nil, brief.Errorf("edges: what was kept is of %d layers of %d heads in %d groups: that is no model", k.Layers, k.Heads, k.Groups)
	}
	g := &Graph{shape: shape{layers: k.Layers, heads: k.Heads, groups: k.Groups, mlp: k.MLP, parallel: k.Parallel, postNorm: k.PostNorm}}
	g.number()
	return g, nil
}

func encoded(k kept) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(k)
	return b.Bytes(), err
}

func decoded(data []byte) (k kept, g *Graph, err error) {
	if err = gob.NewDecoder(bytes.NewReader(data)).Decode(&k); err != nil {
		return k, nil, brief.Errorf("edges: %w", err)
	}
	g, err = k.graph()
	return k, g, err
}

// GobEncode writes the scores.
func (s *Scores) GobEncode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	k := s.g.keep()
	k.Scores = s.values
	return encoded(k)
}

// GobDecode reads them again.
func (s *Scores) GobDecode(data []byte) error {
	if s == nil {
		return s.check()
	}
	k, g, err := decoded(data)
	if err != nil {
		return err
	}
	read, err := NewScores(g, k.Scores)
	if err == nil {
		*s = *read
	}
	return err
}

// GobEncode writes the circuit.
func (c *Circuit) GobEncode() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	k := c.g.keep()
	for i, yes := range c.in {
		if yes {
			k.Edges = append(k.Edges, i)
		}
	}
	return encoded(k)
}

// GobDecode reads it again.
func (c *Circuit) GobDecode(data []byte) error {
	if c == nil {
		return c.check()
	}
	k, g, err := decoded(data)
	if err != nil {
		return err
	}
	in := make([]bool, g.total)
	for _, i := range k.Edges {
		if i < 0 || i >= g.total {
			return brief.Errorf("edges: the kept circuit has edge %d, its graph %d edges", i, g.total)
		}
		in[i] = true
	}
	*c = *newCircuit(g, in)
	return nil
}
