package patching

import (
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// Given is a [Source] of activations that were found in any way, such as means over other prompts:
//
//	mean := map[hooked.Site]*hooked.Tensor{hooked.AttnZ.At(3): meanZ}
//	patching.Given{Of: mean, At: model.EndsOf(prompts)}
type Given struct {
	// Of are the activations by site. Axes that a tensor has not, such as "batch" and "pos", it
	// fills with the same numbers. A layer's site that is not there stays as it is in the base.
	Of map[hooked.Site]*hooked.Tensor

	// At are the positions of each prompt of the base that are replaced, [prompt][n], counted from
	// the beginning of its row; nil for all. Elsewhere the base's own activations stay.
	At [][]int
}

func (g Given) activations(m *hooked.Model, base *hooked.Cache, sites []hooked.Site, _ *settings) (lookup, error) {
	known := func(s hooked.Site) bool { return g.Of[s] != nil }
	if !slices.ContainsFunc(sites, known) {
		return nil, brief.Errorf("Given has %d activations, and none for %s: its keys are sites of one layer, such as hooked.AttnZ.At(3)", len(g.Of), sites[0])
	}
	return func(site hooked.Site) (t *hooked.Tensor, err error) {
		like, err := base.Lookup(site)
		if err != nil || !known(site) {
			return like, err
		}
		zero, err := zerosLike(m, like)
		if err != nil {
			return nil, err
		}
		if err := hooked.Try(func() { t = zero.Add(g.Of[site]) }); err != nil {
			return nil, brief.Errorf("Given at %s: %w", site, err)
		}
		if !slices.Equal(t.Shape(), like.Shape()) {
			return nil, brief.Errorf("Given at %s is %s, the activation is %s", site, g.Of[site].Describe(), like.Describe())
		}
		if g.At == nil {
			return t, nil
		}
		mask, err := g.mask(m, like)
		if err != nil {
			return nil, err
		}
		err = hooked.Try(func() { t = mask.Where(t, like) })
		return t, err
	}, nil
}

// mask is 1 at the positions that are replaced, [batch, pos].
func (g Given) mask(m *hooked.Model, like *hooked.Tensor) (*hooked.Tensor, error) {
	at := positionAxis(like)
	if at == "" {
		return nil, brief.Errorf("Given.At would do nothing: %s has no positions", like.Describe())
	}
	batch, pos := like.Shape()[0], like.Shape()[slices.Index(like.AxisNames(), at)]
	if len(g.At) != batch {
		return nil, brief.Errorf("Given.At has positions of %d prompts, the base has %d", len(g.At), batch)
	}
	mask := hooked.NewArray(batch, pos)
	for i, row := range g.At {
		for _, p := range row {
			if p < 0 || p >= pos {
				return nil, brief.Errorf("Given.At: there is no position %d of prompt %d: its row has %d", p, i, pos)
			}
			mask.Data[i*pos+p] = 1
		}
	}
	return m.NewTensor(mask, "batch "+at)
}
