package edges

import (
	"math"
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// ACDC is automatic circuit discovery (Conmy et al. 2023, arXiv:2304.14997): from the logits down,
// each edge is cut in turn, and stays cut if that moves the metric by less than the threshold
// further from what the base run has. With [hooked.KLFrom] the base's own logits the metric is the
// divergence that the paper takes.
//
// Targets are visited in the reverse of the forward pass, and of each the sources likewise: the
// last first. What is cut depends on that order. Each edge is a run of the layers from its target
// on; many are tried at once, as if all before them stayed cut, and again from the first that does
// not. All edges are for small models, or much time: SmolLM2-135M has 70,000. There From begins
// with those few that another method has found.
type ACDC struct {
	Task
	Threshold float64  // in the metric's units: 0 or more
	From      *Circuit // where the search begins, such as what [Scores.Greedy] gives; nil for all edges
}

// Run finds the circuit. [Circuit.Prune] takes out what has no way to the logits any more.
func (a ACDC) Run(m *hooked.Model, options ...Option) (*Circuit, error) {
	if !(a.Threshold >= 0) || math.IsInf(a.Threshold, 0) {
		return nil, brief.Errorf("edges: ACDC has Threshold %v: want 0 or more, in the metric's units", a.Threshold)
	}
	set, err := newSettings(options)
	if err != nil {
		return nil, err
	}
	defer set.begin("finding the circuit")()
	r, err := a.runsOf(m, set)
	if err != nil {
		return nil, err
	}
	s := &search{runs: r, threshold: a.Threshold}
	if err := s.begin(a.From); err != nil {
		return nil, err
	}
	for _, t := range slices.Backward(r.g.targets) {
		if err := s.visit(t); err != nil {
			return nil, err
		}
	}
	return s.circuit, nil
}

// search is the state of ACDC: the circuit so far, and how far its metric is from the base's.
type search struct {
	*runs
	threshold float64
	circuit   *Circuit
	away      float64
	visited   int
	total     int // edges to visit
}

// begin is the state before the first visit.
func (s *search) begin(from *Circuit) error {
	if from == nil {
		s.circuit, s.total = s.g.All(), s.g.total
		return nil
	}
	if err := from.check(); err != nil {
		return err
	}
	if from.g.shape != s.g.shape {
		return brief.Errorf("edges: ACDC's From is of %s, the model has %s: take one of this model's graph", from.g, s.g)
	}
	numbers, err := s.measure(from)
	if err != nil {
		return err
	}
	s.circuit, s.total, s.away = from, from.n, math.Abs(numbers[0]-s.clean)
	return nil
}

// visit tries to cut the edges into a target.
func (s *search) visit(t target) error {
	var edges []int
	for i := t.first + t.reads - 1; i >= t.first; i-- {
		if s.circuit.in[i] {
			edges = append(edges, i)
		}
	}
	for len(edges) > 0 {
		tried := edges[:min(s.size, len(edges))]
		circuits := make([]*Circuit, len(tried))
		for i := range tried {
			circuits[i] = s.circuit.less(tried[:i+1]...)
		}
		numbers, err := s.measure(circuits...)
		if err != nil {
			return err
		}
		kept := 0 // how many edges are settled
		for i, v := range numbers {
			away := math.Abs(v - s.clean)
			kept = i + 1
			if !(away-s.away < s.threshold) { // it stays, and those after it were tried without it
				break
			}
			s.circuit, s.away = circuits[i], away
		}
		edges = edges[kept:]
		s.visited += kept
		if err := s.set.report(s.visited, s.total); err != nil {
			return err
		}
	}
	return nil
}
