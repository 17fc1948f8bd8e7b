package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/brief"
)

// This file calls one part of the model on tensors of the user's, as model.blocks[l].mlp(x) and the
// like do in TransformerLens. No hooks act inside. Layers may be negative.

// Embed looks tokens up, in any of the forms of [Model.Run] but a tensor: [batch, pos, d_model].
func (m *Model) Embed(input any) (*Tensor, error) {
	return m.callOnTokens("embed", input, func(b *builder, _ int) *Node { return b.embed(b.tokens()) })
}

// PosEmbed is the learned vector of the position of each token, [batch, pos, d_model], of an input
// as [Model.Embed] takes it; an error in models that have none.
func (m *Model) PosEmbed(input any) (*Tensor, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if !m.cfg.PositionalEmbedding.Learned() {
		return nil, brief.Errorf("PosEmbed: the model has no learned positions, they are %s", m.cfg.PositionalEmbedding)
	}
	return m.callOnTokens("pos_embed", input, func(b *builder, _ int) *Node {
		b.setPositions()
		return b.positionVectors()
	})
}

// LN1 is the norm that layer l's attention reads through, of x [..., d_model].
func (m *Model) LN1(l int, x *Tensor) (*Tensor, error) { return m.layerNorm(l, "ln1", ln1Sites, x) }

// LN2 is the norm that layer l's MLP reads through, of x [..., d_model].
func (m *Model) LN2(l int, x *Tensor) (*Tensor, error) {
	if m.check() == nil && m.cfg.AttnOnly {
		return nil, errAttnOnly("LN2")
	}
	return m.layerNorm(l, "ln2", ln2Sites, x)
}

// LNFinal is the norm before the unembedding, of x [..., d_model].
func (m *Model) LNFinal(x *Tensor) (*Tensor, error) {
	return m.call(component{name: "ln_final", layer: outsideLayers}, func(b *builder, _ int, in []*Node) *Node {
		return b.norm(b.cfg.finalNorm(), "ln_final", lnFinalSites, in[0])
	}, x)
}

// Unembed is x W_U + b_U, of x [..., d_model] that went through [Model.LNFinal]: logits [...,
// d_vocab]. Where the model caps its logits ([Config.OutputLogitsSoftCap]) these are capped, as its
// own are: [Model.SoftCap] must not follow.
func (m *Model) Unembed(x *Tensor) (*Tensor, error) {
	logits, err := m.call(component{name: "unembed", layer: outsideLayers}, func(b *builder, _ int, in []*Node) *Node { return b.unembed(in[0]) }, x)
	if err != nil {
		return nil, err
	}
	logits.axes[len(logits.axes)-1] = m.cfg.logitAxis()
	return logits, nil
}

// Attn is layer l's attention of normalized inputs to queries, keys and values, each [batch, pos,
// d_model], usually the same tensor: what its heads write together, biases included, before any
// norm that the family puts after it. With [batch, pos, head, d_model] each head reads its own
// input, as in path patching.
func (m *Model) Attn(l int, q, k, v *Tensor) (*Tensor, error) {
	out, err := m.call(component{name: "attn", layer: l}, func(b *builder, l int, in []*Node) *Node {
		b.setPositions()
		return b.attend(l, attnInputs{in[0], in[1], in[2]})
	}, q, k, v)
	if err != nil {
		return nil, err
	}
	out.axes = []string{"batch", "pos", "d_model"}
	return out, nil
}

// MLP is what layer l's MLP makes of a normalized input x [..., d_model], biases included, before
// any norm that the family puts after it.
func (m *Model) MLP(l int, x *Tensor) (*Tensor, error) {
	if m.check() == nil && m.cfg.AttnOnly {
		return nil, errAttnOnly("MLP")
	}
	return m.call(component{name: "mlp", layer: l}, func(b *builder, l int, in []*Node) *Node { return b.mlpOut(l, in[0]) }, x)
}

func errAttnOnly(what string) error {
	return brief.Errorf("%s: the model has attention only, no MLPs", what)
}

func (m *Model) layerNorm(l int, name string, sites normSites, x *Tensor) (*Tensor, error) {
	return m.call(component{name: name, layer: l}, func(b *builder, l int, in []*Node) *Node {
		return b.norm(b.cfg.Normalization, b.layerName(l, name), sites.at(l), in[0])
	}, x)
}

// component says which part of the model is called.
type component struct {
	name  string
	layer int // or outsideLayers
}

// outsideLayers is the layer of a component that lies in none.
const outsideLayers = -1 << 31

// call runs a component on tensors, all of which end in d_model.
func (m *Model) call(c component, build func(b *builder, l int, in []*Node) *Node, inputs ...*Tensor) (out *Tensor, err error) {
	defer guard(&err)
	if err := m.check(); err != nil {
		return nil, brief.Errorf("%s: %w", c.name, err)
	}
	var shapes []string
	r := &run{m: m, plan: new(plan), in: m.newInputs()}
	for i, t := range inputs {
		if err := m.checkInput(c, t, inputs[0]); err != nil {
			return nil, err
		}
		if err := r.in.setTensor(componentInput(i), t); err != nil {
			return nil, err
		}
		shapes = append(shapes, fmt.Sprint(t.Shape()))
	}
	r.plan.batch, r.plan.pos = outerSizes(inputs[0].Shape())
	out, err = r.component(c, fmt.Sprint(shapes), func(b *builder, l int) *Node {
		in := make([]*Node, len(inputs))
		for i, t := range inputs {
			in[i] = b.input(componentInput(i), dtypes.Float32, t.Shape()...)
		}
		return build(b, l, in)
	})
	if err != nil {
		return nil, err
	}
	out.axes = slices.Clone(inputs[0].axes)
	return out, nil
}

// outerSizes are batch and pos of a tensor that has them first.
func outerSizes(shape []int) (batch, pos int) {
	if len(shape) < 3 {
		return 1, 1
	}
	return shape[0], shape[1]
}

func componentInput(i int) string { return fmt.Sprintf("component.%d", i) }

// checkInput compares the shape of an input of a component with what it must be, and with the first
// input's.
func (m *Model) checkInput(c component, t, first *Tensor) error {
	if err := t.check(); err != nil {
		return brief.Errorf("%s: %w", c.name, err)
	}
	shape, d := t.Shape(), m.cfg.DModel
	if len(shape) == 0 || shape[len(shape)-1] != d {
		return brief.Errorf("%s: the last axis must be d_model, %d; this tensor is %s", c.name, d, t.Describe())
	}
	if c.name != "attn" {
		return nil
	}
	perHead := len(shape) == 4 && (shape[2] == m.cfg.NHeads || shape[2] == m.cfg.NKeyValueHeads)
	if len(shape) != 3 && !perHead {
		return brief.Errorf("attn: want [batch, pos, d_model] or [batch, pos, head, d_model], this tensor is %s", t.Describe())
	}
	if len(first.Shape()) < 2 || !slices.Equal(shape[:2], first.Shape()[:2]) {
		return brief.Errorf("attn: the inputs must have the same batch and pos, got %s and %s", first.Describe(), t.Describe())
	}
	return m.cfg.checkLength(shape[1], "positions")
}

// callOnTokens runs a component that reads tokens.
func (m *Model) callOnTokens(name string, input any, build func(b *builder, l int) *Node) (out *Tensor, err error) {
	defer guard(&err)
	if err := m.check(); err != nil {
		return nil, brief.Errorf("%s: %w", name, err)
	}
	r := &run{m: m, plan: new(plan), in: m.newInputs()}
	if err := r.read(input); err != nil {
		return nil, brief.Errorf("%s: %w", name, err)
	}
	out, err = r.component(component{name, outsideLayers}, fmt.Sprint(r.plan.batch, r.plan.pos), build)
	if err != nil {
		return nil, err
	}
	out.axes = []string{"batch", "pos", "d_model"}
	return out, nil
}

// component finds or compiles a component's program and executes it. Layers of one kind share a
// program, which gets the layer's weights as inputs.
func (r *run) component(c component, shapes string, build func(b *builder, l int) *Node) (*Tensor, error) {
	like, layer := outsideLayers, outsideLayers
	if c.layer != outsideLayers {
		l, err := r.m.cfg.layer(c.layer)
		if err != nil {
			return nil, brief.Errorf("%s: %w", c.name, err)
		}
		like, layer = r.m.weights.firstLike(l, 1), l
	}
	key := programKey{kind: "component", model: r.m.id, graph: fmt.Sprint(c.name, like, shapes)}
	p, err := r.m.eng.program(key, func() (*program, error) { return r.traceComponent(like, build) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	r.in.length = r.plan.pos
	values, err := r.in.call(p, layer, nil)
	if err != nil {
		return nil, err
	}
	return &Tensor{value: values[0], eng: r.m.eng}, nil
}

// traceComponent builds the graph of a component of layers like l.
func (r *run) traceComponent(l int, build func(b *builder, l int) *Node) (*program, error) {
	return r.m.trace(1, func(p *program) {
		plan := *r.plan
		plan.start, plan.anyLayer = l, l != outsideLayers
		b := r.m.newBuilder(&plan, p.graph)
		p.nodes = []*Node{build(b, l)}
		p.inputs = b.inputs
	})
}
