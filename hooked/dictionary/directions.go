package dictionary

import (
	"errors"
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

// ErrNoPath says that what a dictionary gives is not added to the residual stream, so that there is
// no direct path from it to the logits.
var ErrNoPath = errors.New("there is no direct path to the logits")

// LogitAttribution are the tokens whose logits a feature raises and lowers most by the direct path
// from its site to the logits, k of each, the strongest first. Logits are less their mean over the
// vocabulary, which changes no probability. The decoder's direction passes the heads' W_O if the
// site is hook_z, then the final norm's centring and weights, and the unembedding. Of other sites
// that are not added to the residual stream the error is [ErrNoPath].
func (d *Dictionary) LogitAttribution(m *hooked.Model, feature, k int) (up, down []Promoted, err error) {
	ups, downs, err := d.LogitAttributions(m, []int{feature}, k)
	if err != nil {
		return nil, nil, err
	}
	return ups[0], downs[0], nil
}

// LogitAttributions are those of many features, [feature][k], computed together.
func (d *Dictionary) LogitAttributions(m *hooked.Model, features []int, k int) (up, down [][]Promoted, err error) {
	if err := d.check(); err != nil {
		return nil, nil, err
	}
	switch {
	case m == nil:
		return nil, nil, brief.Errorf("LogitAttribution: the model is nil")
	case len(features) == 0:
		return nil, nil, brief.Errorf("LogitAttribution: there is no feature: name those that are meant")
	}
	if err := d.checkFeatures("LogitAttribution", features...); err != nil {
		return nil, nil, err
	}
	for from := 0; from < len(features); from += featuresTogether {
		part := features[from:min(from+featuresTogether, len(features))]
		logits, err := d.promotes(m, part)
		if err != nil {
			return nil, nil, err
		}
		vocab := len(logits) / len(part)
		if k < 1 || k > vocab {
			return nil, nil, brief.Errorf("LogitAttribution: k is %d, want 1 up to the %d tokens", k, vocab)
		}
		for i := range part {
			row := logits[i*vocab : (i+1)*vocab]
			up = append(up, first(row, k, func(a, b float32) bool { return a > b }))
			down = append(down, first(row, k, func(a, b float32) bool { return a < b }))
		}
	}
	return up, down, named(m, slices.Concat(up, down)...)
}

// featuresTogether bounds the logits that are in memory: 13 MB for a vocabulary of 50,000.
const featuresTogether = 64

// first are the k tokens that come before the others, of equal ones those of smaller numbers first.
func first(logits []float32, k int, before func(a, b float32) bool) []Promoted {
	best := make([]Promoted, 0, k+1)
	for id, v := range logits {
		if len(best) == k && !before(v, best[k-1].Logit) {
			continue
		}
		at := len(best)
		for at > 0 && before(v, best[at-1].Logit) {
			at--
		}
		best = slices.Insert(best, at, Promoted{Token: id, Logit: v})
		best = best[:min(len(best), k)]
	}
	return best
}

// promotes are what activations of 1 add to each logit, [feature, d_vocab].
func (d *Dictionary) promotes(m *hooked.Model, features []int) ([]float32, error) {
	directions, err := d.written(m, features)
	if err != nil {
		return nil, err
	}
	c := m.Config()
	if width := directions.Shape()[1]; width != c.DModel {
		return nil, brief.Errorf("LogitAttribution: %w: a direction of %d entries at %s of a model with d_model %d", ErrNoPath, width, d.Config.HookOut, c.DModel)
	}
	wU, err := m.WU()
	if err != nil {
		return nil, err
	}
	in := []*hooked.Tensor{directions, wU}
	if w, err := m.Weight("ln_final.w"); err == nil {
		in = append(in, w)
	}
	centred := c.Normalization.Centred() && !c.FinalRMS
	logits, err := hooked.Apply("feature d_vocab", func(in []*graph.Node) *graph.Node {
		x := float32s(in[0])
		if centred {
			x = graph.Sub(x, graph.ReduceAndKeep(x, graph.ReduceMean, 1))
		}
		if len(in) > 2 {
			x = graph.Mul(x, spread(float32s(in[2]), x))
		}
		y := times(x, float32s(in[1]))
		return graph.Sub(y, graph.ReduceAndKeep(y, graph.ReduceMean, 1))
	}, in...)
	if err != nil {
		return nil, err
	}
	return logits.Float32s(), nil
}

// written is what features' directions write to the residual stream, [feature, d_model].
func (d *Dictionary) written(m *hooked.Model, features []int) (directions *hooked.Tensor, err error) {
	if err := hooked.Try(func() { directions = d.Weights["W_dec"].At(features) }); err != nil {
		return nil, err
	}
	hook := d.Config.HookOut
	if !strings.HasSuffix(hook, ".attn.hook_z") {
		if !writes.MatchString(hook) {
			return nil, brief.Errorf("LogitAttribution: %w: what %s holds is not added to the residual stream", ErrNoPath, hook)
		}
		return directions, nil
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
	return hooked.Apply("feature d_model", func(x, w *graph.Node) *graph.Node {
		dims := w.Shape().Dimensions
		return times(float32s(x), graph.Reshape(float32s(w), dims[0]*dims[1], dims[2]))
	}, directions, wO)
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
