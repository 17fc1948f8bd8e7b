package circuits

import (
	"cmp"
	"math"
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Claim is an edge from a feature, and what became of its target when the feature was silenced:
// of a feature the change of its pre-activation, of a logit that of the logit less the mean of all.
type Claim struct {
	Edge Edge
	// Predicted is what the edge alone says: its effect, lost.
	Predicted float64
	// Frozen is the change in the local replacement model. It is what is predicted, but for a soft
	// cap of the logits.
	Frozen float64
	// Free is the change in the model itself, where it comes by all paths, and by all that answers.
	Free float64
}

// Strongest are the n edges of the pruned graph that carry the most influence from a feature, the
// strongest first: its main claims. There may be fewer.
func (p *Pruned) Strongest(n int) ([]Edge, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	g := p.Graph
	s := g.shared(g.Adjacency)
	features, _, _ := g.firsts()
	type scored struct {
		Edge
		score float64
	}
	var all []scored
	scores := make([]float64, g.Len())
	for target := range g.Len() {
		clear(scores)
		s.score(target, scores)
		for source := range features {
			if p.Edges[target*g.Len()+source] {
				all = append(all, scored{Edge{source, target, g.Effect(source, target)}, scores[source]})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	var edges []Edge
	for _, e := range all[:max(min(n, len(all)), 0)] {
		edges = append(edges, e.Edge)
	}
	return edges, nil
}

// Confirm silences the feature that an edge comes from, in the local replacement model and in the
// model itself, and tells what its target loses.
func (r *Replacement) Confirm(g *Graph, edge Edge) (Claim, error) {
	if err := r.check(); err != nil {
		return Claim{}, err
	}
	if err := g.check(); err != nil {
		return Claim{}, err
	}
	if n := g.Len(); edge.Source < 0 || edge.Source >= len(g.Selected) || edge.Target < 0 || edge.Target >= n {
		return Claim{}, brief.Errorf("circuits: Confirm: the edge leads from node %d to node %d: want one from a feature, 0 to %d, to one of the %d nodes", edge.Source,
			edge.Target, len(g.Selected)-1, n)
	}
	target := g.Node(edge.Target)
	if target.Kind != FeatureNode && target.Kind != LogitNode {
		return Claim{}, brief.Errorf("circuits: Confirm: the edge leads to the %s, which has no inputs", target)
	}
	if target.Kind == LogitNode && target.Index >= r.model.Config().DVocabOut {
		return Claim{}, brief.Errorf("circuits: Confirm: the edge leads to the direction %q, and no token's logit", target.Text)
	}
	claim := Claim{Edge: edge, Predicted: -g.Effect(edge.Source, edge.Target)}
	source := g.Node(edge.Source)
	silent := []Clamp{{Layer: source.Layer, Pos: source.Pos, Feature: source.Index}}
	for _, way := range []struct {
		frozen Freezing
		change *float64
	}{{FrozenAll, &claim.Frozen}, {Free, &claim.Free}} {
		out, err := r.Intervene(hooked.Tokens{g.Tokens}, silent, InterveneOptions{Frozen: way.frozen})
		if err != nil {
			return claim, err
		}
		if *way.change, err = out.change(target); err != nil {
			return claim, err
		}
	}
	return claim, nil
}

// change is what an intervention does to a node.
func (o *Outcome) change(n Node) (change float64, err error) {
	if n.Kind == LogitNode {
		err = hooked.Try(func() {
			all := o.Logits.Sub(o.Clean)
			change = float64(all.At(n.Index).Item() - all.Mean().Item())
		})
		return change, err
	}
	changes, err := o.Changes(n.Layer)
	if err != nil {
		return 0, err
	}
	err = hooked.Try(func() { change = float64(changes.At(n.Pos, n.Index).Item()) })
	return change, err
}

// Holds reports whether the target moves as predicted in the model itself: in the same direction,
// and by at least the given share of what is predicted.
func (c Claim) Holds(share float64) bool {
	return c.Predicted != 0 && c.Free/c.Predicted >= share && !math.IsInf(c.Free, 0)
}
