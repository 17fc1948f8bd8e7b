package hooked

import "slices"

// A run that records more than eagerBytes of activations keeps the residual stream before each
// layer, a fiftieth of them, and computes the others from it when they are first read: a layer's
// patterns, or its scores, or all else of the layer. Of a thousand tokens a model of 135 million
// weights has 3.5 GB of activations, most of which nobody looks at.
var eagerBytes = 256 << 20

// deferring reports whether the run leaves activations for later.
func (r *run) deferring() bool {
	if r.plan.kvRoom > 0 || len(r.req.observers) > 0 {
		return false
	}
	sizes := r.axisSizes()
	total := 0
	for _, s := range r.plan.record {
		n := 4
		for _, axis := range s.Axes() {
			n *= max(1, sizes[axis])
		}
		total += n
	}
	return total > eagerBytes
}

// axisSizes are the sizes of the named axes of the run's activations.
func (r *run) axisSizes() map[string]int {
	c := r.m.cfg
	return map[string]int{"batch": r.plan.batch, "pos": r.plan.pos, "query": r.plan.pos, "key": r.plan.pos, "source": r.plan.source, "head": c.NHeads, "kv_head": c.NKeyValueHeads,
		"d_model": c.DModel, "d_head": c.DHead, "d_mlp": c.DMLP, "expert": c.NExperts,
		"slot": c.ExpertsPerToken, "d_expert": c.DExpert}
}

// leaveForLater takes out of a step's plan what need not be computed now. An edited layer has
// nothing to leave: the functions of an edit run once.
func (s *step) leaveForLater() {
	if s.layer == outsideLayers || len(s.plan.edits) > 0 {
		return
	}
	p := *s.plan
	isFree := func(site Site) bool { return site.info == ResidPre.info || site.info == ResidPost.info && p.residual }
	s.later = filterSites(p.record, func(site Site) bool { return !isFree(site) })
	p.record = filterSites(p.record, isFree)
	p.seal()
	s.plan = &p
}

// together are the sites of a layer that are computed when one of them is read.
func together(s Site, all []Site) []Site {
	if s.square() {
		return []Site{s}
	}
	return filterSites(all, func(other Site) bool { return !other.square() })
}

// square reports whether the activation grows with the square of the number of positions.
func (s Site) square() bool {
	return slices.Contains(s.Axes(), "query") && slices.Contains(s.Axes(), "key")
}

// deferTo makes the cache compute what a step has left for later from x, the residual stream before
// it.
func (out *results) deferTo(r *run, s step, x *Tensor) {
	compute := func(site Site) (map[Site]*Tensor, error) {
		p := *s.plan
		p.record = together(site.At(p.start), s.later)
		p.residual = false
		p.seal()
		return r.recompute(step{plan: &p, layer: s.layer}, x)
	}
	for _, site := range s.later {
		out.held[x.value] = true
		out.cache.addLater(s.siteOf(site, s.plan.start), compute)
	}
}

// recompute computes a step once more for the activations that its plan records.
func (r *run) recompute(s step, x *Tensor) (found map[Site]*Tensor, err error) {
	if s.program, err = r.m.programOf(s.plan); err != nil {
		return nil, err
	}
	values, err := r.in.call(s.program, s.layer, x)
	if err != nil {
		return nil, err
	}
	out := r.newResults()
	r.file(s, x, values, out)
	for _, site := range out.cache.order {
		if _, err := out.cache.tensor(site); err != nil {
			return nil, err
		}
	}
	return out.cache.at, nil
}
