package lens

import (
	"fmt"
	"slices"
	"strings"

	"gopherlens/hooked"
)

// LogitLensRunScale reads the residual stream as it grows through the unembedding (nostalgebraist
// 2020), every entry divided by the scale that the final norm had in the run: so the entries are
// steps towards the run's own logits, and differences between entries add up. This is what
// TransformerLens' accumulated_resid with apply_ln gives. Logits are [component, batch, pos,
// d_vocab], without b_U and before a final soft cap (Gemma 2), under which they would not add up:
// [Capped] applies it. Options are those of [hooked.Cache.AccumulatedResid]. A whole run's are
// large: pick positions.
func LogitLensRunScale(m *hooked.Model, cache *hooked.Cache, options ...hooked.StackOption) (logits *hooked.Tensor, labels []string, err error) {
	stack, labels, err := cache.AccumulatedResid(append([]hooked.StackOption{hooked.ApplyLN}, options...)...)
	if err != nil {
		return nil, nil, err
	}
	logits, err = unembed(m, stack)
	return logits, labels, err
}

// LogitLensOwnScale is the logit lens in which every entry passes the final norm by itself, with a
// scale of its own: with b_U added the logits that the model would give if it ended there, a final
// soft cap applied. Otherwise it is as [LogitLensRunScale].
func LogitLensOwnScale(m *hooked.Model, cache *hooked.Cache, options ...hooked.StackOption) (logits *hooked.Tensor, labels []string, err error) {
	return ownScale(m, cache, options, nil)
}

// ownScale is that lens of what translate makes of the stack; nil leaves it as it is.
func ownScale(m *hooked.Model, cache *hooked.Cache, options []hooked.StackOption,
	translate func(stack *hooked.Tensor, labels []string) (*hooked.Tensor, error)) (logits *hooked.Tensor, labels []string, err error) {
	stack, labels, err := cache.AccumulatedResid(options...)
	if err != nil {
		return nil, nil, err
	}
	if translate != nil {
		if stack, err = translate(stack, labels); err != nil {
			return nil, nil, err
		}
	}
	c := m.Config()
	err = hooked.Try(func() {
		switch {
		case c.Normalization == hooked.NoNorm:
			return
		case c.Normalization.Centred() && !c.FinalRMS:
			stack = stack.Sub(stack.Mean("d_model"))
		}
		scale := stack.Mul(stack).Mean("d_model").Shift(c.Eps).Sqrt()
		stack = stack.Div(scale)
	})
	if err != nil {
		return nil, nil, err
	}
	if logits, err = unembed(m, stack); err == nil {
		logits, err = Capped(m, logits)
	}
	return logits, labels, err
}

// Capped is what the model makes of logits without b_U, again without b_U: its final soft cap
// c*tanh(x/c) of logits with the bias, less the bias. In a model without a cap (all but Gemma 2) it
// is the logits themselves.
func Capped(m *hooked.Model, logits *hooked.Tensor) (capped *hooked.Tensor, err error) {
	if m.Config().OutputLogitsSoftCap == 0 {
		return logits, nil
	}
	logits, vocab, err := vocabularyLast(logits)
	if err != nil {
		return nil, fmt.Errorf("Capped: %w", err)
	}
	bU, err := m.BU()
	if err != nil {
		return nil, err
	}
	bU = bU.Named(vocab)
	if err = hooked.Try(func() { logits = logits.Add(bU) }); err != nil {
		return nil, err
	}
	if capped, err = m.SoftCap(logits); err != nil {
		return nil, err
	}
	err = hooked.Try(func() { capped = capped.Sub(bU) })
	return capped, err
}

// foldedWU is W_U of a model whose final norm's weights were folded into it.
func foldedWU(m *hooked.Model) (*hooked.Tensor, error) {
	if err := folded(m); err != nil {
		return nil, err
	}
	return m.WU()
}

// folded refuses a model whose final norm has weights of its own, which a direction in the residual
// stream knows nothing of.
func folded(m *hooked.Model) error {
	if m.Config().Normalization.HasWeights() {
		return fmt.Errorf("this needs a model whose norms are folded: load it with hooked.FoldLN")
	}
	return nil
}

// unembed multiplies a normalized stack [..., d_model] with W_U.
func unembed(m *hooked.Model, stack *hooked.Tensor) (logits *hooked.Tensor, err error) {
	wU, err := foldedWU(m)
	if err != nil {
		return nil, err
	}
	axes := stack.AxisNames()
	lead := strings.Join(axes[:len(axes)-1], " ")
	err = hooked.Try(func() {
		logits = stack.Einsum(fmt.Sprintf("%[1]s d_model, d_model %[2]s -> %[1]s %[2]s", lead, wU.AxisNames()[1]), wU)
	})
	return logits, err
}

// LogitDiffDirections are the directions [batch, d_model] of the residual stream that raise the
// logit of each prompt's right answer over that of its wrong one; answers is [batch][2].
func LogitDiffDirections(m *hooked.Model, answers hooked.Tokens) (diff *hooked.Tensor, err error) {
	if shape := answers.Shape(); shape[1] != 2 {
		return nil, fmt.Errorf("answers have shape %v, want two tokens for each prompt: the right one and a wrong one", shape)
	}
	both, err := m.TokensToResidualDirections(answers)
	if err != nil {
		return nil, err
	}
	err = hooked.Try(func() { diff = both.At(hooked.All, 0).Sub(both.At(hooked.All, 1)) })
	return diff, err
}

// HeadAttribution is what each head adds directly to the output along a direction [batch, d_model],
// such as a difference of logits, on the average over prompts: [layer, head]. It looks at one
// position, by default the last.
//
// Under a final soft cap (Gemma 2) what all parts add up to is the difference before the cap;
// [hooked.Cache.LogitDiffs] is both, before it and capped.
func HeadAttribution(m *hooked.Model, cache *hooked.Cache, direction *hooked.Tensor, options ...hooked.StackOption) (*hooked.Tensor, error) {
	if m.Config().PostNorms() {
		return nil, fmt.Errorf("HeadAttribution: in this model (%s) what heads write is normalized before it is added, all together: "+
			"see LayerAttribution", m.Config().Architecture)
	}
	stack, err := attributed((*hooked.Cache).StackHeadResults, cache, direction, options)
	if err != nil {
		return nil, err
	}
	c := m.Config()
	return m.NewTensor(&hooked.Array{Shape: []int{c.NLayers, c.NHeads}, Data: stack.Float32s()}, "layer head")
}

// LayerAttribution is what the embeddings and each layer's attention and MLP add directly to the
// output along a direction [batch, d_model], on the average over prompts: [component], with labels.
// It looks at one position, by default the last. Under a final soft cap it adds up to the
// difference before the cap, see [HeadAttribution].
func LayerAttribution(cache *hooked.Cache, direction *hooked.Tensor, options ...hooked.StackOption) (*hooked.Tensor, []string, error) {
	var labels []string
	decompose := func(c *hooked.Cache, o ...hooked.StackOption) (stack *hooked.Tensor, _ []string, err error) {
		stack, labels, err = c.DecomposeResid(o...)
		return stack, labels, err
	}
	stack, err := attributed(decompose, cache, direction, options)
	return stack, labels, err
}

// attributed projects a decomposition onto a direction and averages it over prompts: [component].
func attributed(decompose func(*hooked.Cache, ...hooked.StackOption) (*hooked.Tensor, []string, error), cache *hooked.Cache,
	direction *hooked.Tensor, options []hooked.StackOption) (*hooked.Tensor, error) {
	all := []hooked.StackOption{hooked.ApplyLN, hooked.ProjectOnto(direction)}
	if !slices.ContainsFunc(options, picksPositions) {
		if err := endTogether(cache); err != nil {
			return nil, err
		}
		all = append(all, hooked.Pos(-1))
	}
	stack, _, err := decompose(cache, append(all, options...)...)
	if err == nil {
		err = folded(cache.Model())
	}
	if err != nil {
		return nil, err
	}
	err = hooked.Try(func() { stack = stack.Mean(stack.AxisNames()[1:]...) })
	return stack, err
}

func picksPositions(o hooked.StackOption) bool {
	e, ok := o.(hooked.Entries)
	return ok && e.Axis() == "pos"
}

// endTogether refuses a run whose prompts do not all end at its last position.
func endTogether(cache *hooked.Cache) error {
	ends, err := cache.EndsOf()
	if err != nil {
		return err
	}
	rows := cache.Mask()
	if rows == nil {
		rows = cache.Tokens()
	}
	for i, end := range ends {
		if last := len(rows[i]) - 1; end[0] != last {
			return fmt.Errorf("prompt %d ends at position %d of %d, and then come pads: pad on the left, or say which position with hooked.Pos", i, end[0], last+1)
		}
	}
	return nil
}
