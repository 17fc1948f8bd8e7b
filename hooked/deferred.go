package hooked

import "slices"

// A run that records more than eagerBytes of activations keeps the residual stream before each layer, a fiftieth of them,
// and computes the others from it when they are first read: a layer's patterns, or its scores, or all else of the layer.
// Of a thousand tokens a model of 135 million weights has 3.5 GB of activations, most of which nobody looks at.
var eagerBytes = 256 << 20

// A deferral computes an activation that a run has recorded and not kept, and perhaps others with it.
type deferral func(s Site) (map[Site]*Tensor, error)

// deferring reports whether the run leaves activations for later.
func (j *job) deferring() bool {
	if j.plan.kvRoom > 0 || len(j.req.observers) > 0 {
		return false
	}
	sizes := j.axisSizes()
	total := 0
	for _, s := range j.plan.record {
		n := 4
		for _, axis := range s.Axes() {
			n *= max(1, sizes[axis])
		}
		total += n
	}
	return total > eagerBytes
}

// axisSizes are the sizes of the named axes of the run's activations.
func (j *job) axisSizes() map[string]int {
	c := j.m.cfg
	return map[string]int{"batch": j.batch, "pos": j.pos, "query": j.pos, "key": j.pos, "head": c.NHeads, "kv_head": c.NKeyValueHeads,
		"d_model": c.DModel, "d_head": c.DHead, "d_mlp": c.DMLP}
}

// deferred cuts from a stage's plan what need not be computed now. An edited layer has nothing to defer: the functions of an
// edit run once.
func (s stage) deferred() (now stage, later []Site) {
	if s.layer == outsideLayers || len(s.plan.edits) > 0 {
		return s, nil
	}
	p := *s.plan
	isFree := func(site Site) bool { return site.info == ResidPre.info || site.info == ResidPost.info && p.residual }
	later = filterSites(p.record, func(site Site) bool { return !isFree(site) })
	p.record = filterSites(p.record, isFree)
	p.seal()
	return stage{&p, s.layer}, later
}

// leavesForLater reports whether a run of these stages computes some of its activations when they are read.
func leavesForLater(stages []compiledStage) bool {
	return slices.ContainsFunc(stages, func(s compiledStage) bool { return len(s.later) > 0 })
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

// deferTo makes the cache compute what a stage has left for later from x, the residual stream before it.
func (r *results) deferTo(j *job, s compiledStage, x *Tensor) {
	compute := func(site Site) (map[Site]*Tensor, error) {
		p := *s.plan
		p.record = together(site.At(p.start), s.later)
		p.residual = false
		p.seal()
		return j.recompute(stage{&p, s.layer}, x)
	}
	for _, site := range s.later {
		r.held[x.value] = true
		r.cache.addLater(s.here(site, s.plan.start), compute)
	}
}

// recompute computes a stage once more for the activations that its plan records.
func (j *job) recompute(s stage, x *Tensor) (map[Site]*Tensor, error) {
	program, err := j.m.programFor(s.plan, j.batch, j.pos)
	if err != nil {
		return nil, err
	}
	values, err := j.call(program, s.layer, x)
	if err != nil {
		return nil, err
	}
	out := j.newResults()
	j.collect(compiledStage{stage: s, program: program}, x, values, out)
	for _, site := range out.cache.order {
		if _, err := out.cache.tensor(site); err != nil {
			return nil, err
		}
	}
	return out.cache.at, nil
}
