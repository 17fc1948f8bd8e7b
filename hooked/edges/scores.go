package edges

import (
	"cmp"
	"container/heap"
	"math"
	"slices"

	"gopherlens/internal/brief"
)

// Scores have a number for each edge of a graph: by how much the metric is thought to change when
// that edge alone carries the source's activation in place of the base's, in the metric's units.
type Scores struct {
	g      *Graph
	values []float32 // by the edge's number
}

// NewScores are scores that were found elsewhere, one for each edge by its number.
func NewScores(g *Graph, values []float32) (*Scores, error) {
	if g == nil || len(values) != g.total || g.total == 0 {
		return nil, brief.Errorf("edges: NewScores: %d numbers for %s: want one for each edge", len(values), g)
	}
	if i := slices.IndexFunc(values, func(v float32) bool { return !(math.Abs(float64(v)) <= math.MaxFloat32) }); i >= 0 {
		return nil, brief.Errorf("edges: the score of %s is %v", g.Edge(i), values[i])
	}
	return &Scores{g, slices.Clone(values)}, nil
}

func (s *Scores) need() *Scores {
	if s == nil || s.g == nil {
		fail("the scores are nil or empty: look at the error of what should have made them")
	}
	return s
}

func (s *Scores) check() error {
	if s == nil || s.g == nil {
		return brief.Errorf("edges: the scores are nil or empty: look at the error of what should have made them")
	}
	return nil
}

// Graph is the graph that they are of. What a method of scores panics with is an error that
// [hooked.Try] returns.
func (s *Scores) Graph() *Graph { return s.need().g }

// Float32s are the scores by the edges' numbers.
func (s *Scores) Float32s() []float32 { return slices.Clone(s.need().values) }

// At is the score of an edge. It panics if the graph has no such.
func (s *Scores) At(e Edge) float32 {
	i, err := s.need().g.Number(e)
	if err != nil {
		panic(err)
	}
	return s.values[i]
}

// Mean is the mean of scores of several tasks, each weighing as many as it has prompts: give those
// numbers, or none for equal weights.
func Mean(scores []*Scores, prompts ...int) (*Scores, error) {
	if len(scores) == 0 || len(prompts) > 0 && len(prompts) != len(scores) {
		return nil, brief.Errorf("edges: Mean of %d scores with %d weights: want scores, and a weight for each or none", len(scores), len(prompts))
	}
	var sum []float64
	weights := 0.0
	for i, s := range scores {
		if err := s.check(); err != nil {
			return nil, err
		}
		weight := 1.0
		if len(prompts) > 0 {
			weight = float64(prompts[i])
		}
		if !(weight > 0) || s.g.shape != scores[0].g.shape {
			return nil, brief.Errorf("edges: Mean: scores %d are of %s with weight %v, the first are of %s: want the same graph and positive weights",
				i, s.g, weight, scores[0].g)
		}
		if sum == nil {
			sum = make([]float64, len(s.values))
		}
		weights += weight
		for k, v := range s.values {
			sum[k] += weight * float64(v)
		}
	}
	out := make([]float32, len(sum))
	for i, v := range sum {
		out[i] = float32(v / weights)
	}
	return NewScores(scores[0].g, out)
}

// ranked are the edges' numbers, the largest absolute scores first; equal ones in their order.
func (s *Scores) ranked() []int {
	order := make([]int, len(s.values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.size(b), s.size(a)) })
	return order
}

func (s *Scores) size(edge int) float64 { return math.Abs(float64(s.values[edge])) }

// Top is the circuit of the n edges with the largest absolute scores.
func (s *Scores) Top(n int) (*Circuit, error) {
	if err := s.checkCount("Top", n); err != nil {
		return nil, err
	}
	in := make([]bool, s.g.total)
	for _, i := range s.ranked()[:n] {
		in[i] = true
	}
	return newCircuit(s.g, in), nil
}

func (s *Scores) checkCount(verb string, n int) error {
	if err := s.check(); err != nil {
		return err
	}
	if n < 0 || n > s.g.total {
		return brief.Errorf("edges: %s(%d): want 0 to %d edges", verb, n, s.g.total)
	}
	return nil
}

// Above is the circuit of the edges whose absolute score is at least a threshold.
func (s *Scores) Above(threshold float64) (*Circuit, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if !(threshold >= 0) {
		return nil, brief.Errorf("edges: Above(%v): want a threshold of 0 or more", threshold)
	}
	in := make([]bool, s.g.total)
	for i := range in {
		in[i] = s.size(i) >= threshold
	}
	return newCircuit(s.g, in), nil
}

// Greedy is the circuit of n edges that grows from the logits: of the edges into nodes that it has,
// it takes again and again the one with the largest absolute score, as Hanna et al. 2024 do. So
// there is a way from each to the logits. It has fewer where no more edges lead to them.
func (s *Scores) Greedy(n int) (*Circuit, error) {
	if err := s.checkCount("Greedy", n); err != nil {
		return nil, err
	}
	grown := &growing{s: s, reached: make(map[int]bool)}
	grown.reach(Node{Kind: Logits})
	in := make([]bool, s.g.total)
	for range n {
		if grown.Len() == 0 {
			break
		}
		edge := heap.Pop(grown).(int)
		in[edge] = true
		grown.reach(s.g.Edge(edge).From)
	}
	return newCircuit(s.g, in), nil
}

// growing is a heap of the edges that a circuit can grow by.
type growing struct {
	s       *Scores
	edges   []int
	reached map[int]bool // by their first edge the targets that it has come to: a group's once
}

// reach adds the edges into a node that the circuit has come to.
func (w *growing) reach(n Node) {
	for _, t := range w.s.g.targets {
		if w.reached[t.first] || !slices.Contains(w.s.g.nodesAt(t.node), n) {
			continue
		}
		w.reached[t.first] = true
		for edge := t.first; edge < t.first+t.reads; edge++ {
			heap.Push(w, edge)
		}
	}
}

// Len, Less, Swap, Push and Pop are those of heap.Interface: the largest score first.
func (w *growing) Len() int { return len(w.edges) }
func (w *growing) Less(i, j int) bool {
	a, b := w.edges[i], w.edges[j]
	return cmp.Or(cmp.Compare(w.s.size(b), w.s.size(a)), cmp.Compare(a, b)) < 0
}
func (w *growing) Swap(i, j int) { w.edges[i], w.edges[j] = w.edges[j], w.edges[i] }
func (w *growing) Push(x any)    { w.edges = append(w.edges, x.(int)) }
func (w *growing) Pop() any {
	last := w.edges[len(w.edges)-1]
	w.edges = w.edges[:len(w.edges)-1]
	return last
}
