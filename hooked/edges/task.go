package edges

import (
	"reflect"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/brief"
)

// A Task is what a circuit is to do: prompts, what their activations are replaced by off the
// circuit, and a metric. All fields are needed. The prompts of source and base must be as many and
// as long.
type Task struct {
	Base   hooked.Tokens   // the clean prompts, [prompt][pos]
	Source patching.Source // what edges off a circuit carry: FromTokens(corrupted), a Mean, AllZeros
	Metric hooked.Metric   // what is measured, the mean over prompts
}

// check refuses a task of which something was left out.
func (t Task) check() error {
	switch {
	case len(t.Base) == 0 || len(t.Base[0]) == 0:
		return brief.Errorf("edges: the Task has no Base: give the tokens of the clean prompts")
	case t.Source == nil:
		return brief.Errorf("edges: the Task has no Source: give patching.FromTokens(corrupted), or another source of package patching")
	case reflect.ValueOf(t.Metric).IsZero():
		return brief.Errorf("edges: the Task has no Metric: give hooked.LogitDiff(answers), or one that hooked.NewMetric makes")
	}
	return nil
}

// writes are what nodes write in the base run and in the source's place, a tensor for the input and
// one for each layer: its heads and its MLP, [batch, node, pos, d_model], from the first position
// on at which they differ.
type writes struct {
	g      *Graph
	m      *hooked.Model
	base   *hooked.Cache
	from   int // that position
	pos    int // positions of the prompts
	batch  int
	source []*hooked.Tensor
	diff   []*hooked.Tensor // source less base
	scales []*hooked.Tensor // weights of the norms after attention by layer, where there are any
}

// writesOf runs base and source.
func (t Task) writesOf(m *hooked.Model, set *settings) (*writes, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	g, err := GraphOf(m)
	if err != nil {
		return nil, err
	}
	w := &writes{g: g, m: m, batch: len(t.Base), pos: len(t.Base[0])}
	if err := w.checkSource(t.Source); err != nil {
		return nil, err
	}
	sites := g.sites()
	if w.base, err = patching.BaseRun(m, t.Base, sites, set.sources...); err != nil {
		return nil, brief.Errorf("edges: %w", err)
	}
	find, err := patching.Replacements(m, t.Source, w.base, sites, set.sources...)
	if err != nil {
		return nil, brief.Errorf("edges: %w", err)
	}
	if err := w.fill(find); err != nil {
		return nil, brief.Errorf("edges: %w", err)
	}
	return w, nil
}

// sites are those that tell what nodes write.
func (g shape) sites() []hooked.Site {
	sites := []hooked.Site{hooked.ResidPre.At(0)}
	for l := range g.layers {
		sites = append(sites, hooked.AttnResult.At(l))
		if g.postNorm {
			sites = append(sites, hooked.LN1PostScale.At(l))
		}
		if g.mlp {
			sites = append(sites, hooked.MLPOut.At(l))
		}
	}
	return sites
}

// checkSource refuses a mean where what a head writes is divided by what all heads together do: the
// mean of quotients is none of means.
func (w *writes) checkSource(source patching.Source) error {
	if _, mean := source.(patching.Mean); mean && w.g.postNorm {
		return brief.Errorf("edges: in this model a norm stands after the heads, and a mean over prompts has no scale of it: take FromTokens or FromCache")
	}
	return nil
}

// fill computes what nodes write.
func (w *writes) fill(find func(hooked.Site) (*hooked.Tensor, error)) error {
	if w.g.postNorm {
		for l := range w.g.layers {
			weight, err := w.m.Weight(brief.Sprintf("blocks.%d.ln1_post.w", l))
			if err != nil {
				return err
			}
			w.scales = append(w.scales, weight)
		}
	}
	read := func(s hooked.Site) (*hooked.Tensor, error) { return w.base.Lookup(s) }
	for chunk := range w.g.layers + 1 {
		source, err := w.chunk(chunk, find)
		if err != nil {
			return brief.Errorf("the source: %w", err)
		}
		base, err := w.chunk(chunk, read)
		if err != nil {
			return err
		}
		if w.batch != base.Shape()[0] || !sameShape(source, base) {
			return brief.Errorf("what nodes write is %s in the base run and %s in the source: the prompts must be as many and as long", base.Describe(), source.Describe())
		}
		diff, err := tried(func() *hooked.Tensor { return source.Sub(base) })
		if err != nil {
			return err
		}
		w.source, w.diff = append(w.source, source), append(w.diff, diff)
	}
	return w.cut()
}

func sameShape(a, b *hooked.Tensor) bool { return reflect.DeepEqual(a.Shape(), b.Shape()) }

// tried is what f computes, or the error that it panics with.
func tried(f func() *hooked.Tensor) (t *hooked.Tensor, err error) {
	err = hooked.Try(func() { t = f() })
	return t, err
}

// chunk is what the nodes of a layer write, counted from 1; 0 is the input.
func (w *writes) chunk(chunk int, find func(hooked.Site) (*hooked.Tensor, error)) (*hooked.Tensor, error) {
	if chunk == 0 {
		x, err := find(hooked.ResidPre.At(0))
		if err != nil {
			return nil, err
		}
		return hooked.Apply(chunkAxes, asNode, x)
	}
	parts, err := w.g.layerParts(chunk-1, find)
	if err != nil {
		return nil, err
	}
	return w.joined(chunk-1, parts)
}

const chunkAxes = "batch node pos d_model"

// layerParts are the activations that [writes.joined] takes, of a layer.
func (g shape) layerParts(l int, find func(hooked.Site) (*hooked.Tensor, error)) ([]*hooked.Tensor, error) {
	var parts []*hooked.Tensor
	for _, s := range g.layerSites() {
		t, err := find(s.At(l))
		if err != nil {
			return nil, err
		}
		parts = append(parts, t)
	}
	return parts, nil
}

// layerSites are the sites of a layer that tell what its nodes write, in the order in which
// [layerWrites] takes them.
func (g shape) layerSites() []hooked.Site {
	sites := []hooked.Site{hooked.AttnResult}
	if g.mlp {
		sites = append(sites, hooked.MLPOut)
	}
	if g.postNorm {
		sites = append(sites, hooked.LN1PostScale)
	}
	return sites
}

// joined is what the nodes of a layer write, of its activations.
func (w *writes) joined(l int, parts []*hooked.Tensor) (*hooked.Tensor, error) {
	if w.g.postNorm {
		parts = append(parts, w.scales[l])
	}
	return hooked.Apply(chunkAxes, w.g.layerWrites, parts...)
}

// cut leaves out the positions before the first at which base and source differ: what comes before
// is the same in every run.
func (w *writes) cut() error {
	w.from = w.pos
	for _, d := range w.diff {
		far, err := tried(func() *hooked.Tensor { return d.Abs().Max("batch", "node", "d_model") })
		if err != nil {
			return err
		}
		for p, v := range far.Float32s() {
			if v != v && w.g.postNorm {
				return brief.Errorf("in this model a norm stands after the heads, and a source of zeros has no scale of it: take FromTokens or FromCache")
			}
			if v != v {
				return brief.Errorf("what nodes write in the source is no number")
			}
			if v > 0 {
				w.from = min(w.from, p)
				break
			}
		}
	}
	switch {
	case w.from == w.pos:
		return brief.Errorf("every node writes the same in the source as in the base run: there is nothing to patch")
	case w.m.Config().AttentionDir != hooked.Causal:
		w.from = 0
	}
	for i := range w.diff {
		err := hooked.Try(func() {
			w.diff[i] = w.diff[i].At(hooked.All, hooked.All, hooked.Range{From: w.from, To: w.pos})
			w.source[i] = w.source[i].At(hooked.All, hooked.All, hooked.Range{From: w.from, To: w.pos})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
