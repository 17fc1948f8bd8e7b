package hooked

import (
	"fmt"

	"gopherlens/internal/brief"
)

// FullResidDecomposition takes the residual stream before [Layer] apart as far as it goes: every
// head, every neuron (or with [WholeMLPs] every MLP), the embeddings and the biases together, in
// this order, labelled as in the other decompositions and "bias". The entries add up to the stream
// exactly. [MLPInput] adds the heads of the layer itself.
//
// The stack is [component, batch, pos, d_model]: of a whole model gigabytes, unless [ProjectOnto]
// contracts d_model, or [Pos] and [Prompt] pick. [ApplyLN] divides by the norm's scale.
func (c *Cache) FullResidDecomposition(options ...StackOption) (stack *Tensor, labels []string, err error) {
	takes := stackTakes{flags: MLPInput | WholeMLPs | ApplyLN, axes: axesStack, projection: true}
	return c.decompose("FullResidDecomposition", takes, options, func(d *decomposition) error {
		if c.m.cfg.PostNorms() {
			return brief.Errorf("heads and neurons of this family (%s) do not add up: their sum is normalized again. Use DecomposeResid",
				c.m.cfg.Architecture)
		}
		for _, step := range []func() error{d.addAllHeads, d.addMLPs, d.addEmbeds, d.addBias} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *decomposition) addAllHeads() error {
	to := d.r.layer
	if d.r.has(MLPInput) {
		to++
	}
	return d.addHeads(to)
}

func (d *decomposition) addMLPs() error {
	if d.c.m.cfg.AttnOnly {
		return nil
	}
	for l := range d.r.layer {
		var err error
		if d.c.m.cfg.sparse(l) && !d.r.has(WholeMLPs) {
			return brief.Errorf("layer %d has a mixture of experts, whose neurons are not the same for all tokens: ask for WholeMLPs", l)
		}
		if d.r.has(WholeMLPs) {
			err = d.add(fmt.Sprintf("%d_mlp_out", l), MLPOut.At(l))
		} else {
			err = d.addNeurons(l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addBias adds the biases that the heads' and neurons' results leave out, the same at every
// position.
func (d *decomposition) addBias() error {
	bias, err := d.c.m.accumulatedBias(d.r)
	if err != nil {
		return err
	}
	like := d.r.picked(d.c.anyResidual())
	d.addTensor("bias", like.Scale(0).Add(bias))
	return nil
}

// AccumulatedBias is the sum of the biases that the layers below [Layer] add to the residual
// stream, [d_model]. [MLPInput] adds the layer's own b_O; with [WholeMLPs] the MLPs' biases are
// left out, since they are in what the MLPs write.
func (m *Model) AccumulatedBias(options ...StackOption) (*Tensor, error) {
	c := newCache(m, nil)
	r, err := c.stackRequest("AccumulatedBias", stackTakes{flags: MLPInput | WholeMLPs}, options)
	if err != nil {
		return nil, err
	}
	var sum *Tensor
	if e := Try(func() { sum, err = m.accumulatedBias(r) }); e != nil {
		err = e
	}
	return sum, err
}

func (m *Model) accumulatedBias(r *stackRequest) (*Tensor, error) {
	sum := m.eng.tensorOf(make([]float32, m.cfg.DModel), []int{m.cfg.DModel}, "d_model")
	for l := 0; l <= r.layer; l++ {
		for _, name := range m.cfg.biasesOf(l, r) {
			bias, err := m.Weight(blockPrefix(l) + name)
			if err != nil {
				return nil, err
			}
			sum = sum.Add(bias)
		}
	}
	return sum, nil
}

// biasesOf are the biases of layer l that count.
func (c Config) biasesOf(l int, r *stackRequest) []string {
	switch {
	case l == r.layer && !r.has(MLPInput):
		return nil
	case l == r.layer || c.AttnOnly || r.has(WholeMLPs):
		return []string{"attn.b_O"}
	}
	return []string{"attn.b_O", "mlp.b_out"}
}
