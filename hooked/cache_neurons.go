package hooked

import (
	"fmt"

	"gopherlens/internal/brief"
)

// NeuronResults is what the neurons of one layer wrote to the residual stream, each hook_post times
// its row of W_out, without b_out: [batch, pos, d_mlp, d_model]. [Neuron], [Pos] and [Prompt] pick;
// [ProjectOnto] contracts d_model without ever building it.
func (c *Cache) NeuronResults(layer int, options ...StackOption) (*Tensor, error) {
	if err := c.check(); err != nil {
		return nil, brief.Errorf("NeuronResults: %w", err)
	}
	l, err := c.m.cfg.layer(layer)
	if err != nil {
		return nil, brief.Errorf("NeuronResults: %w", err)
	}
	takes := stackTakes{axes: axesNeurons, projection: true}
	t, _, err := c.decompose("NeuronResults", takes, options, func(d *decomposition) error { return d.addNeurons(l) })
	if err != nil {
		return nil, err
	}
	err = Try(func() { t = t.neuronsInside() })
	return t, err
}

var axesNeurons = []string{"pos", "batch", "d_mlp"}

// neuronsInside is t [component, batch, pos, d_model] as [batch, pos, d_mlp, d_model].
func (t *Tensor) neuronsInside() *Tensor {
	lead := except(t.axes[1:], []string{"d_model"})
	axes := append(append([]string{}, lead...), "component")
	if n := len(t.axes); t.axes[n-1] == "d_model" {
		axes = append(axes, "d_model")
	}
	return t.Einsum(spaced(t.axes) + " -> " + spaced(axes)).Named(spaced(renamed(axes, "component", "d_mlp")))
}

func renamed(names []string, from, to string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		if out[i] = name; name == from {
			out[i] = to
		}
	}
	return out
}

// StackNeuronResults is what the neurons of all layers below [Layer] wrote to the residual stream,
// labelled "L0N0", "L0N1", and so on, without b_out. With [IncludeRemainder] a last entry holds the
// rest of the stream there.
//
// The stack is [component, batch, pos, d_model]: of a whole model gigabytes, unless [ProjectOnto]
// contracts d_model, or [Neuron], [Pos] and [Prompt] pick. [ApplyLN] divides by the norm's scale.
func (c *Cache) StackNeuronResults(options ...StackOption) (stack *Tensor, labels []string, err error) {
	takes := stackTakes{flags: ApplyLN | IncludeRemainder, axes: axesNeurons, projection: true}
	return c.decompose("StackNeuronResults", takes, options, func(d *decomposition) error {
		for l := range d.r.layer {
			if err := d.addNeurons(l); err != nil {
				return err
			}
		}
		if !d.r.has(IncludeRemainder) || d.r.layer == 0 {
			return nil
		}
		return d.addRemainder(ResidPost.At(d.r.layer - 1))
	})
}

func (d *decomposition) addNeurons(l int) error {
	post, err := d.c.Lookup(MLPPost.At(l))
	if err != nil {
		return err
	}
	w, err := d.c.m.Weight(blockPrefix(l) + "mlp.W_out")
	if err != nil {
		return err
	}
	neurons := d.neurons()
	if _, picked := d.r.of("d_mlp"); picked {
		post, w = post.gather(post.axis("d_mlp"), neurons), w.gather(0, neurons)
	}
	labels := make([]string, len(neurons))
	for i, n := range neurons {
		labels[i] = fmt.Sprintf("L%dN%d", l, n)
	}
	t := d.writes(d.r.picked(post), w, "d_mlp")
	d.addPart(labels, t.Named(spaced(append([]string{"component"}, t.axes[1:]...))))
	return nil
}

// neurons are those that the request picks, all if it picks none.
func (d *decomposition) neurons() []int {
	n := d.c.m.cfg.DMLP
	if picked, ok := d.r.of("d_mlp"); ok {
		return picked.list(n)
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
