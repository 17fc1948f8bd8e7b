package hooked

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/brief"
)

// ApplyLNToStack divides parts of the residual stream by the norm that reads the stream before a
// layer ([Layer]; by default the final norm), with the scale that the run found: so the parts'
// images add up to the image of their sum. Layer norms also remove the mean over d_model; no norm's
// weights are applied, since processing folds them into the weights that follow ([FoldLN]).
//
// The stack may have any axes that end in d_model: [batch, pos, d_model], [component, batch,
// d_model] and so on; "batch" and "pos" are found by their names. A stack without pos lies at one
// position, which [Pos] says; [Pos] with several positions says which a stack's own are. [Prompt]
// takes these prompts of the stack and of the scale, or says which prompt a stack without batch
// belongs to. With [MLPInput] the norm is that of the layer's MLP.
func (c *Cache) ApplyLNToStack(stack *Tensor, options ...StackOption) (*Tensor, error) {
	r, err := c.stackRequest("ApplyLNToStack", stackTakes{flags: MLPInput, axes: []string{"pos", "batch"}}, options)
	if err != nil {
		return nil, err
	}
	if c.m.cfg.NormAfterSum {
		return nil, brief.Errorf("ApplyLNToStack: %w", c.m.cfg.noSum())
	}
	if err := c.checkStack(stack); err != nil {
		return nil, brief.Errorf("ApplyLNToStack: %w", err)
	}
	var out *Tensor
	if e := Try(func() { out, err = c.applyLN(stack, r) }); e != nil {
		err = e
	}
	if err != nil {
		return nil, brief.Errorf("ApplyLNToStack: %w", err)
	}
	return out, nil
}

func (c *Cache) checkStack(stack *Tensor) error {
	shape := stack.Shape()
	if n := len(shape); n == 0 || shape[n-1] != c.m.cfg.DModel {
		return brief.Errorf("the last axis must be d_model (%d), the stack is %v", c.m.cfg.DModel, stack.Describe())
	}
	return nil
}

func (c *Cache) applyLN(stack *Tensor, r *stackRequest) (*Tensor, error) {
	batch, picked := r.of("batch")
	if axis := slices.Index(stack.axes, "batch"); axis >= 0 && picked {
		stack = stack.pickEntries(axis, batch)
	}
	scale, err := c.scaleFor(stack.axes, r)
	if err != nil || scale == nil {
		return stack, err
	}
	return stack.normedBy(scale, r.centred(c.m.cfg)), nil
}

// centred reports whether the norm that reads the stream at the request's layer subtracts the mean.
func (r *stackRequest) centred(c Config) bool {
	if r.layer == c.NLayers {
		return c.finalNorm().Centred()
	}
	return c.Normalization.Centred()
}

// scaleFor is the divisor of the norm that reads the residual stream at the request's layer, with
// axes that a tensor with these axes has: [batch, pos] or part of it. It is nil in a model without
// norms.
func (c *Cache) scaleFor(axes []string, r *stackRequest) (*Tensor, error) {
	if c.m.cfg.Normalization == NoNorm {
		return nil, nil
	}
	scale, err := c.Lookup(c.normSite(r))
	if err != nil {
		return nil, brief.Errorf("the norm's scale is needed: %w", err)
	}
	scale = scale.pick(len(scale.axes)-1, 0) // the axis of size one
	for _, e := range r.entries {
		scale = scaleAt(scale, e, slices.Contains(axes, e.axis))
	}
	for _, name := range scale.axes {
		if slices.Contains(axes, name) {
			continue
		}
		if n := scale.Shape()[scale.axis(name)]; n > 1 {
			return nil, brief.Errorf("the stack has axes %v and no %q, of which the run has %d: say which it lies at, with %s",
				axes, name, n, map[string]string{"pos": "Pos(i)", "batch": "Prompt(i)"}[name])
		}
		scale = scale.pick(scale.axis(name), 0)
	}
	return scale, nil
}

// scaleAt picks the entries of the scale; a single one stays an axis where the stack has that axis.
func scaleAt(scale *Tensor, e Entries, keep bool) *Tensor {
	axis := slices.Index(scale.axes, e.axis)
	switch {
	case axis < 0:
		return scale
	case keep:
		return scale.gather(axis, e.list(scale.Shape()[axis]))
	}
	return scale.pickEntries(axis, e)
}

func (c *Cache) normSite(r *stackRequest) Site {
	switch {
	case r.layer == c.m.cfg.NLayers:
		return LNFinalScale
	case r.has(MLPInput):
		return LN2Scale.At(r.layer)
	}
	return LN1Scale.At(r.layer)
}

// normedBy is t, less its mean over the last axis if centred, divided by scale, whose axes are
// found by name.
func (t *Tensor) normedBy(scale *Tensor, centred bool) *Tensor {
	match := t.matchAxes(scale)
	v := t.eng.eager(fmt.Sprint("norm ", match, centred), func(in []*Node) *Node {
		x := in[0]
		if centred {
			x = Sub(x, ReduceAndKeep(x, reduceMean, -1))
		}
		return Div(x, spreadAxes(in[1], match, x.Shape().Dimensions))
	}, t.value, scale.value)
	return &Tensor{v, slices.Clone(t.axes), t.eng}
}
