package hooked

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// WE is the embedding, [d_vocab, d_model].
func (m *Model) WE() (*Tensor, error) { return m.Weight("embed.W_E") }

// WPos are the learned position vectors, [pos, d_model]; an error in models that have none.
func (m *Model) WPos() (*Tensor, error) { return m.Weight("pos_embed.W_pos") }

// WU is the unembedding, [d_model, d_vocab].
func (m *Model) WU() (*Tensor, error) { return m.Weight("unembed.W_U") }

// BU is the bias of the unembedding, [d_vocab].
func (m *Model) BU() (*Tensor, error) { return m.Weight("unembed.b_U") }

// WQ are the query weights of all layers, [layer, head, d_model, d_head].
func (m *Model) WQ() (*Tensor, error) { return m.stacked("attn.W_Q") }

// WK are the key weights of all layers, [layer, head, d_model, d_head]; grouped ones are repeated
// for each query head.
func (m *Model) WK() (*Tensor, error) { return m.stacked("attn.W_K") }

// WV are the value weights of all layers, [layer, head, d_model, d_head]; grouped ones are repeated
// for each query head.
func (m *Model) WV() (*Tensor, error) { return m.stacked("attn.W_V") }

// WO are the output weights of all layers, [layer, head, d_head, d_model].
func (m *Model) WO() (*Tensor, error) { return m.stacked("attn.W_O") }

// BQ are the query biases of all layers, [layer, head, d_head].
func (m *Model) BQ() (*Tensor, error) { return m.stacked("attn.b_Q") }

// BK are the key biases of all layers, [layer, head, d_head].
func (m *Model) BK() (*Tensor, error) { return m.stacked("attn.b_K") }

// BV are the value biases of all layers, [layer, head, d_head].
func (m *Model) BV() (*Tensor, error) { return m.stacked("attn.b_V") }

// BO are the output biases of all layers, [layer, d_model].
func (m *Model) BO() (*Tensor, error) { return m.stacked("attn.b_O") }

// WIn are the reading weights of all MLPs, [layer, d_model, d_mlp].
func (m *Model) WIn() (*Tensor, error) { return m.stacked("mlp.W_in") }

// WGate are the gates of all MLPs, [layer, d_model, d_mlp]; an error in models that have none.
func (m *Model) WGate() (*Tensor, error) { return m.stacked("mlp.W_gate") }

// BIn are the hidden biases of all MLPs, [layer, d_mlp].
func (m *Model) BIn() (*Tensor, error) { return m.stacked("mlp.b_in") }

// WOut are the writing weights of all MLPs, [layer, d_mlp, d_model].
func (m *Model) WOut() (*Tensor, error) { return m.stacked("mlp.W_out") }

// BOut are the output biases of all MLPs, [layer, d_model].
func (m *Model) BOut() (*Tensor, error) { return m.stacked("mlp.b_out") }

// weightAxes are the axes of weights by the end of their names, the longest that fits.
var weightAxes = map[string][]string{
	"W_E": {"d_vocab", "d_model"}, "W_pos": {"pos", "d_model"}, "W_U": {"d_model", "d_vocab_out"}, "b_U": {"d_vocab_out"},
	"W_Q": {"head", "d_model", "d_head"}, "W_K": {"head", "d_model", "d_head"}, "W_V": {"head", "d_model", "d_head"},
	"W_O": {"head", "d_head", "d_model"}, "b_Q": {"head", "d_head"}, "b_K": {"head", "d_head"}, "b_V": {"head", "d_head"},
	"b_O": {"d_model"}, "W_in": {"d_model", "d_mlp"}, "W_gate": {"d_model", "d_mlp"}, "W_out": {"d_mlp", "d_model"},
	"W_router": {"d_model", "expert"}, "b_router": {"expert"}, "W_shared_gate": {"d_model", "1"},
	"experts.W_gate": {"expert", "d_model", "d_expert"}, "experts.W_in": {"expert", "d_model", "d_expert"},
	"experts.W_out": {"expert", "d_expert", "d_model"}, "experts.b_gate": {"expert", "d_expert"}, "experts.b_in": {"expert", "d_expert"},
	"experts.b_out": {"expert", "d_model"}, "shared.W_gate": {"d_model", "d_expert"}, "shared.W_in": {"d_model", "d_expert"},
	"shared.W_out": {"d_expert", "d_model"}, "sinks": {"head"}, "q_norm.w": {"head", "d_head"}, "k_norm.w": {"head", "d_head"},
	"rel_pos_bias.weight": {"bucket", "head"}, "b_in": {"d_mlp"}, "b_gate": {"d_mlp"}, "b_out": {"d_model"},
}

// Weight is a weight by its canonical name, such as "blocks.3.attn.W_O" or "ln_final.w", in
// TransformerLens' shape. A bias that the family does not have is zeros.
func (m *Model) Weight(name string) (*Tensor, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	spec, ok := m.weights.specs[name]
	if !ok {
		return nil, brief.Errorf("the model has no weight %q%s", name, nearest.Hint(name, slices.Collect(maps.Keys(m.weights.specs))))
	}
	value, err := m.weights.tensor(name)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return m.eng.tensorOf(NewArray(spec.shape...).Data, spec.shape, m.cfg.axesOf(name, spec.shape)...), nil
	}
	t := &Tensor{value, m.cfg.axesOf(name, spec.shape), m.eng}
	if !readsResidual(name) {
		return t, nil
	}
	err = Try(func() { t = t.permuted([]int{1, 0, 2}, m.cfg.axesOf(name, spec.shape)) })
	return t, err
}

// WeightNames are the names of the weights that [Model.Weight] gives, sorted: what PyTorch calls
// named_parameters.
func (m *Model) WeightNames() ([]string, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(m.weights.specs)), nil
}

// permuted is t with its axes in another order, under new names.
func (t *Tensor) permuted(order []int, axes []string) *Tensor {
	v := t.eng.eager(fmt.Sprint("permute ", order), func(in []*Node) *Node { return TransposeAllAxes(in[0], order...) }, t.value)
	return &Tensor{v, axes, t.eng}
}

// stacked is a weight of all layers along a new first axis, key-value heads repeated for each query
// head.
func (m *Model) stacked(name string) (*Tensor, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	parts := make([]*Tensor, m.cfg.NLayers)
	for l := range parts {
		var err error
		if parts[l], err = m.Weight(blockPrefix(l) + name); err != nil {
			return nil, err
		}
	}
	var out *Tensor
	err := Try(func() {
		out = StackTensors("layer", parts...)
		if heads := slices.Index(out.axes, "head"); heads >= 0 && out.Shape()[heads] != m.cfg.NHeads {
			out = out.gather(heads, m.kvHeadOf())
		}
	})
	return out, err
}

// kvHeadOf is the key-value head that each query head reads.
func (m *Model) kvHeadOf() []int {
	index := make([]int, m.cfg.NHeads)
	for h := range index {
		index[h] = h / m.cfg.groupSize()
	}
	return index
}

// axesOf are the axes of a weight of this name and shape.
func (c Config) axesOf(name string, shape []int) []string {
	known := ""
	for suffix, axes := range weightAxes {
		if len(axes) == len(shape) && strings.HasSuffix(name, "."+suffix) && len(suffix) > len(known) {
			known = suffix
		}
	}
	if known == "" {
		return []string{"d_model", "d_mlp", "d_head"}[:len(shape)]
	}
	axes := slices.Clone(weightAxes[known])
	if strings.HasPrefix(name, "unembed.") {
		axes[len(axes)-1] = c.logitAxis()
	}
	return axes
}
