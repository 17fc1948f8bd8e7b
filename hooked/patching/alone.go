package patching

import (
	"maps"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
)

// This file computes each patch as a run of its own: functions of the user's that edit every run
// may look at other layers, positions and prompts, and then nothing of the base run can be kept.

// runsOfTheirOwn are the grid's numbers. A patch without rows changes nothing.
func (r *runner) runsOfTheirOwn(rows []row) ([]float32, error) {
	base, err := number(r.m.Measure(r.tokens, r.metric, r.s.everyRun()...))
	if err != nil {
		return nil, err
	}
	numbers := slices.Repeat([]float32{base}, len(r.patches))
	changing := make(map[int]bool)
	for _, row := range rows {
		changing[row.patch] = true
	}
	work := len(r.tokens) * r.m.Config().NLayers
	meter := newMeter(r.s, len(changing)*work)
	defer meter.end()
	for _, i := range slices.Sorted(maps.Keys(changing)) {
		if numbers[i], err = number(r.alone(r.patches[i])); err != nil {
			return nil, err
		}
		if err := meter.add(work); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

// number is a scalar of a run.
func number(t *hooked.Tensor, err error) (n float32, _ error) {
	if err != nil {
		return 0, err
	}
	err = hooked.Try(func() { n = t.Item() })
	return n, err
}

// replaceAlone is the metric of a run with one patch.
func (r *runner) replaceAlone(p patch) (*hooked.Tensor, error) {
	source, err := r.source(r.sp.site.At(p.layer))
	if err != nil {
		return nil, err
	}
	values := append([]hooked.Operand{hooked.Value(source)}, r.picks(p)...)
	edit := hooked.With(func(x *Node, _ hooked.Site, values []*Node) *Node {
		return Where(r.mask(x, values[1:], 0), values[0], x)
	}, values...)
	return r.m.Measure(r.tokens, r.metric, append(r.s.everyRun(), hooked.Edit(r.sp.site.At(p.layer), edit.Local()))...)
}

// picks are which entries of each axis a patch replaces, for every prompt.
func (r *runner) picks(p patch) []hooked.Operand {
	values := make([]hooked.Operand, len(p.at))
	for i, at := range p.at {
		values[i] = hooked.Value(slices.Repeat([]int{at}, len(r.tokens)))
	}
	return values
}

// followAlone is the metric when one head has told the receivers what it would in the source, in
// runs of whole prompts.
func (p *follower) followAlone(sender patch) (*hooked.Tensor, error) {
	frozen, err := p.freezeAlone(sender)
	if err != nil {
		return nil, err
	}
	options := append(p.s.everyRun(), frozen...)
	if p.to.heads == nil {
		return p.m.Measure(p.tokens, p.metric, options...)
	}
	var sites []hooked.Site
	for _, l := range slices.Sorted(maps.Keys(p.to.heads)) {
		sites = append(sites, p.to.site.At(l))
	}
	received, err := p.m.Cache(p.tokens, append(options, hooked.Names(sites))...)
	if err != nil {
		return nil, err
	}
	options = p.s.everyRun()
	for _, s := range sites {
		l, _ := s.Layer()
		got, err := received.Lookup(s)
		if err != nil {
			return nil, err
		}
		edit := hooked.With(func(x *Node, _ hooked.Site, values []*Node) *Node { return hear(x, values) },
			hooked.Value(got), hooked.Value(p.to.marks(l, got.Shape()[2])))
		options = append(options, hooked.Edit(s, edit.Local()))
	}
	return p.m.Measure(p.tokens, p.metric, options...)
}

// freezeAlone are edits that give each head its z of the base run, and the sender that of the
// source.
func (p *follower) freezeAlone(sender patch) (edits []hooked.Option, err error) {
	for l := range p.to.frozenBelow(p.m.Config()) {
		site := hooked.AttnZ.At(l)
		base, err := p.base.Lookup(site)
		if err != nil {
			return nil, err
		}
		source := base // with which it does not matter what is picked
		if l == sender.layer {
			if source, err = p.source(site); err != nil {
				return nil, err
			}
		}
		values := append([]hooked.Operand{hooked.Value(source), hooked.Value(base)}, p.picks(sender)...)
		edit := hooked.With(func(x *Node, _ hooked.Site, values []*Node) *Node {
			return Where(p.mask(x, values[2:], 0), values[0], values[1])
		}, values...)
		edits = append(edits, hooked.Edit(site, edit.Local()))
	}
	return edits, nil
}
