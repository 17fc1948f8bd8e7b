package hooked

import (
	"fmt"
	"slices"
)

// AllHeadLabels are "L0H0", "L0H1", ... in the order of [Cache.StackHeadResults].
func (c Config) AllHeadLabels() []string { return c.headLabels(0, c.NLayers) }

func (c Config) headLabels(from, to int) []string {
	var labels []string
	for l := from; l < to; l++ {
		for h := range c.NHeads {
			labels = append(labels, fmt.Sprintf("L%dH%d", l, h))
		}
	}
	return labels
}

// StackHeadResults is what each head of the layers below [Layer] wrote to the residual stream, z
// W_O without b_O, layer by layer: labels "L0H0", "L0H1", ... With [IncludeRemainder] a last entry
// holds the rest of the stream there. In families that normalize what attention writes (Gemma 2) it
// is what heads write before that norm.
//
// The stack is [component, batch, pos, d_model]; [Pos] and [Prompt] pick, [ApplyLN] divides by the
// norm's scale, [ProjectOnto] contracts d_model without ever building it.
func (c *Cache) StackHeadResults(options ...StackOption) (stack *Tensor, labels []string, err error) {
	takes := stackTakes{flags: ApplyLN | IncludeRemainder, axes: axesStack, projection: true}
	return c.decompose("StackHeadResults", takes, options, func(d *decomposition) error {
		if err := d.addHeads(d.r.layer); err != nil || !d.r.has(IncludeRemainder) || d.r.layer == 0 {
			return err
		}
		return d.addRemainder(ResidPost.At(d.r.layer - 1))
	})
}

// addHeads adds the heads of the layers below to.
func (d *decomposition) addHeads(to int) error {
	for l := range to {
		t, err := d.headResults(l)
		if err != nil {
			return err
		}
		d.addPart(d.c.m.cfg.headLabels(l, l+1), t.Named(spaced(append([]string{"component"}, t.axes[1:]...))))
	}
	return nil
}

// headResults are the heads of layer l, [head, batch, pos, d_model]. Where the run recorded
// hook_result that is taken: it may have been edited.
func (d *decomposition) headResults(l int) (*Tensor, error) {
	result, err := d.c.tensor(AttnResult.At(l))
	if err != nil {
		return nil, err
	}
	if result != nil {
		return d.projected(d.r.picked(result).first("head")), nil
	}
	z, err := d.c.Lookup(AttnZ.At(l))
	if err != nil {
		return nil, err
	}
	w, err := d.c.m.Weight(blockPrefix(l) + "attn.W_O")
	if err != nil {
		return nil, err
	}
	return d.writes(d.r.picked(z), w, "head"), nil
}

// first is t with the named axis in front.
func (t *Tensor) first(name string) *Tensor {
	i := t.axis(name)
	order := []int{i}
	for k := range t.axes {
		if k != i {
			order = append(order, k)
		}
	}
	return t.permuted(order, append([]string{name}, without(t.axes, i)...))
}

// ComputeHeadResults is the same cache with hook_result, what each head writes [batch, pos, head,
// d_model], after hook_z of every layer. It takes d_model/d_head times the memory of hook_z; most
// uses need [Cache.StackHeadResults] only.
func (c *Cache) ComputeHeadResults() (*Cache, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	out := newCache(c.m, c.tokens)
	out.noBatch, out.positions, out.mask = c.noBatch, c.positions, c.mask
	as := func(t *Tensor) (*Tensor, error) { return t, nil }
	for _, s := range c.order {
		if err := out.addMapped(c, s, as); err != nil {
			return nil, err
		}
		l, inLayer := s.Layer()
		if !inLayer || s != AttnZ.At(l) || slices.Contains(c.order, AttnResult.At(l)) {
			continue
		}
		out.addLater(AttnResult.At(l), func(s Site) (map[Site]*Tensor, error) {
			result, err := c.headResults(l)
			return map[Site]*Tensor{s: result}, err
		})
	}
	return out, nil
}

// headResults is hook_result of layer l, from hook_z.
func (c *Cache) headResults(l int) (result *Tensor, err error) {
	w, err := c.m.Weight(blockPrefix(l) + "attn.W_O")
	if err != nil {
		return nil, err
	}
	z, err := c.Lookup(AttnZ.At(l))
	if err != nil {
		return nil, err
	}
	lead := except(z.axes, []string{"d_head"})
	err = Try(func() {
		result = z.Einsum(fmt.Sprintf("%s, %s -> %s d_model", spaced(z.axes), spaced(w.axes), spaced(lead)), w)
	})
	return result, err
}
