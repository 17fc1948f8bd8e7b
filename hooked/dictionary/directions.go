package dictionary

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// mostCosines bounds a table of cosines: beyond it nobody looks at all.
const mostCosines = 1 << 27

// Cosines are those of the decoder directions of some features with all of another dictionary, or
// of the same one: [feature, other]. No features stand for all.
func (d *Dictionary) Cosines(other *Dictionary, features ...int) (*hooked.Tensor, error) {
	for _, one := range []*Dictionary{d, other} {
		if err := one.check(); err != nil {
			return nil, err
		}
	}
	rows := len(features)
	if rows == 0 {
		rows = d.Config.Features
	}
	switch {
	case d.Config.DOut != other.Config.DOut:
		return nil, brief.Errorf("Cosines: the directions have %d and %d entries", d.Config.DOut, other.Config.DOut)
	case rows > mostCosines/other.Config.Features:
		return nil, brief.Errorf("Cosines: a table of %d x %d is too large: name the features of which you want them", rows, other.Config.Features)
	}
	if err := d.checkFeatures("Cosines", features...); err != nil {
		return nil, err
	}
	mine := d.Weights["W_dec"]
	if len(features) > 0 {
		if err := hooked.Try(func() { mine = mine.At(features) }); err != nil {
			return nil, err
		}
	}
	return hooked.Apply("feature other", func(a, b *graph.Node) *graph.Node {
		unit := func(x *graph.Node) *graph.Node { return graph.Div(x, graph.MaxScalar(norm(x), leastNorm)) }
		return graph.Dot(unit(a), graph.Transpose(unit(b), 0, 1)).MatMul()
	}, mine, other.Weights["W_dec"])
}

// checkFeatures reports a feature that there is not.
func (d *Dictionary) checkFeatures(verb string, features ...int) error {
	for _, f := range features {
		if f < 0 || f >= d.Config.Features {
			return brief.Errorf("%s: there is no feature %d: the dictionary has %d", verb, f, d.Config.Features)
		}
	}
	return nil
}

// A Promoted token is one that a feature makes more or less likely.
type Promoted struct {
	Token int
	Text  string  // as [hooked.Model.StrTokens] has it; empty in a model without a tokenizer
	Logit float32 // that an activation of 1 adds, before the final norm divides by its scale
}

// LogitAttribution are the tokens whose logits a feature raises and lowers most by the direct path
// from its site to the logits, k of each, the strongest first. Logits are less their mean over the
// vocabulary, which changes no probability. The decoder's direction passes the heads' W_O if the
// site is hook_z, then the final norm's centring and weights, and the unembedding.
func (d *Dictionary) LogitAttribution(m *hooked.Model, feature, k int) (up, down []Promoted, err error) {
	if err := d.check(); err != nil {
		return nil, nil, err
	}
	if m == nil {
		return nil, nil, brief.Errorf("LogitAttribution: the model is nil")
	}
	if err := d.checkFeatures("LogitAttribution", feature); err != nil {
		return nil, nil, err
	}
	logits, err := d.promotes(m, feature)
	if err != nil {
		return nil, nil, err
	}
	if k < 1 || k > len(logits) {
		return nil, nil, brief.Errorf("LogitAttribution: k is %d, want 1 up to the %d tokens", k, len(logits))
	}
	order := make([]int, len(logits))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return 0
	})
	for i := range k {
		last := order[len(order)-1-i]
		up = append(up, Promoted{Token: order[i], Logit: logits[order[i]]})
		down = append(down, Promoted{Token: last, Logit: logits[last]})
	}
	return up, down, named(m, up, down)
}

// promotes are what an activation of 1 adds to each logit.
func (d *Dictionary) promotes(m *hooked.Model, feature int) ([]float32, error) {
	direction, err := d.written(m, feature)
	if err != nil {
		return nil, err
	}
	c := m.Config()
	if direction.Shape()[0] != c.DModel {
		return nil, brief.Errorf("LogitAttribution: %s is no place from which a direction of %d entries goes to the logits of a model with d_model %d",
			d.Config.HookOut, direction.Shape()[0], c.DModel)
	}
	wU, err := m.WU()
	if err != nil {
		return nil, err
	}
	in := []*hooked.Tensor{direction, wU}
	if w, err := m.Weight("ln_final.w"); err == nil {
		in = append(in, w)
	}
	centred := c.Normalization.Centred() && !c.FinalRMS
	logits, err := hooked.Apply("d_vocab", func(in []*graph.Node) *graph.Node {
		x := float32s(in[0])
		if centred {
			x = graph.Sub(x, graph.ReduceAllMean(x))
		}
		if len(in) > 2 {
			x = graph.Mul(x, float32s(in[2]))
		}
		y := times(graph.Reshape(x, 1, x.Shape().Size()), float32s(in[1]))
		return graph.Reshape(graph.Sub(y, graph.ReduceAllMean(y)), y.Shape().Size())
	}, in...)
	if err != nil {
		return nil, err
	}
	return logits.Float32s(), nil
}

// written is what a feature's direction writes to the residual stream, [d_model].
func (d *Dictionary) written(m *hooked.Model, feature int) (direction *hooked.Tensor, err error) {
	if err := hooked.Try(func() { direction = d.Weights["W_dec"].At(feature) }); err != nil {
		return nil, err
	}
	hook := d.Config.HookOut
	if !strings.HasSuffix(hook, ".attn.hook_z") {
		if !writes.MatchString(hook) {
			return nil, brief.Errorf("LogitAttribution: what %s holds is not added to the residual stream", hook)
		}
		return direction, nil
	}
	layer, err := strconv.Atoi(layerOf(hook))
	if err != nil {
		return nil, brief.Errorf("LogitAttribution: %s names no layer", hook)
	}
	wO, err := m.Weight("blocks." + strconv.Itoa(layer) + ".attn.W_O") // [head, d_head, d_model]
	if err != nil {
		return nil, err
	}
	if shape := wO.Shape(); !d.Config.FlattenHeads || size(shape[:2]) != d.Config.DOut {
		return nil, brief.Errorf("LogitAttribution: a direction of %d entries at %s, where the heads of the model have %d", d.Config.DOut, hook,
			size(shape[:2]))
	}
	return hooked.Apply("d_model", func(x, w *graph.Node) *graph.Node {
		dims := w.Shape().Dimensions
		y := times(graph.Reshape(float32s(x), 1, x.Shape().Size()), graph.Reshape(float32s(w), dims[0]*dims[1], dims[2]))
		return graph.Reshape(y, dims[2])
	}, direction, wO)
}

// writes matches the sites that are the residual stream or are added to it.
var writes = regexp.MustCompile(`(^|\.)hook_(embed|pos_embed|resid_pre|resid_mid|resid_post|attn_out|mlp_out)$`)

// named gives tokens their texts, where the model has a tokenizer.
func named(m *hooked.Model, lists ...[]Promoted) error {
	if _, err := m.Tokenizer(); err != nil {
		return nil
	}
	for _, list := range lists {
		ids := make([]int, len(list))
		for i, p := range list {
			ids[i] = p.Token
		}
		texts, err := m.StrTokens(ids)
		if err != nil {
			return err
		}
		for i := range list {
			list[i].Text = texts[i]
		}
	}
	return nil
}
