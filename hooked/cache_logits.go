package hooked

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
)

// TokenForms are the Go types of tokens to attribute logits to: a text that is one token, a token
// id, one for each prompt, or one for each position too.
type TokenForms interface {
	string | int | []int | [][]int | Tokens
}

// IncorrectTokens makes [Cache.LogitAttrs] attribute a logit difference: the tokens' logit minus
// these'.
func IncorrectTokens[T TokenForms](tokens T) StackOption { return incorrect{tokens} }

type incorrect struct{ tokens any }

func (i incorrect) setStack(r *stackRequest) { r.incorrect = i.tokens }

// LogitAttrs is how much each entry of a stack adds to the logit of a token, or with
// [IncorrectTokens] to a difference of logits: direct logit attribution, after the final norm with
// the run's own scale. The stack is [..., d_model], see [Cache.ApplyLNToStack] for its axes; the
// result is the same without d_model. Bias b_U is not in it, and in models with a final soft cap
// (Gemma 2) it is the logit before the cap: a cap is not linear, nothing adds up after it.
// [Cache.LogitDiffs] has the whole difference both before the cap and capped. A model whose final
// norm has weights of its own is refused, where TransformerLens leaves them out in silence.
//
// Tokens are in any of the [TokenForms], which a method's parameter cannot name: a text that is one
// token (string), a token id (int), one for each prompt ([]int), or one for each position too
// ([Tokens]). [Pos] and [Prompt] say where the stack lies.
func (c *Cache) LogitAttrs(stack *Tensor, tokens any, options ...StackOption) (*Tensor, error) {
	r, err := c.stackRequest("LogitAttrs", stackTakes{axes: axesStack, incorrect: true}, options)
	if err != nil {
		return nil, err
	}
	if err := c.checkStack(stack); err != nil {
		return nil, fmt.Errorf("LogitAttrs: %w", err)
	}
	var out *Tensor
	if e := Try(func() { out, err = c.logitAttrs(stack, tokens, r) }); e != nil {
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("LogitAttrs: %w", err)
	}
	return out, nil
}

func (c *Cache) logitAttrs(stack *Tensor, tokens any, r *stackRequest) (*Tensor, error) {
	if c.m.cfg.Normalization.HasWeights() {
		return nil, fmt.Errorf("the final norm has weights of its own, which W_U does not know of: load the model with FoldLN")
	}
	direction, err := c.m.logitDirection(tokens, r.incorrect)
	if err != nil {
		return nil, err
	}
	if stack, err = c.applyLN(stack, r); err != nil {
		return nil, err
	}
	axes, shape := stack.runAxes()
	if direction, err = direction.alongStack(axes, append(shape, c.m.cfg.DModel)); err != nil {
		return nil, fmt.Errorf("the tokens do not fit the stack: %w", err)
	}
	return stack.Einsum(fmt.Sprintf("%s, %s -> %s", spaced(stack.axes), spaced(direction.axes),
		spaced(stack.axes[:len(stack.axes)-1])), direction), nil
}

// runAxes are those of the axes batch and pos that t has, in this order, and their sizes.
func (t *Tensor) runAxes() (axes []string, shape []int) {
	for _, name := range []string{"batch", "pos"} {
		if i := slices.Index(t.axes, name); i >= 0 {
			axes, shape = append(axes, name), append(shape, t.Shape()[i])
		}
	}
	return axes, shape
}

// logitDirection is the direction that raises the tokens' logits, less that of the incorrect ones
// if there are any.
func (m *Model) logitDirection(tokens, incorrect any) (*Tensor, error) {
	right, err := m.directionOf(tokens)
	if err != nil || incorrect == nil {
		return right, err
	}
	wrong, err := m.directionOf(incorrect)
	if err != nil {
		return nil, fmt.Errorf("IncorrectTokens: %w", err)
	}
	if !slices.Equal(right.Shape(), wrong.Shape()) {
		return nil, fmt.Errorf("IncorrectTokens give directions of shape %v, the tokens %v: want as many", wrong.Shape(), right.Shape())
	}
	return right.Sub(wrong), nil
}

// LogitDiffs are the differences of the logits of tokens and incorrect ones in the run, in the
// forms of [Cache.LogitAttrs] and with its axes, [batch, pos] but for what [Pos] and [Prompt] pick.
// The one before the cap is what the attributions of all parts of the residual stream add up to,
// without b_U; capped is the difference of the run's own logits, after b_U and the model's final
// soft cap. The cache must hold the last residual stream and the final norm's scale.
func (c *Cache) LogitDiffs(tokens, incorrect any, options ...StackOption) (beforeCap, capped *Tensor, err error) {
	r, err := c.stackRequest("LogitDiffs", stackTakes{axes: axesStack}, options)
	if err == nil {
		if e := Try(func() { beforeCap, capped, err = c.logitDiffs(tokens, incorrect, r) }); e != nil {
			err = e
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("LogitDiffs: %w", err)
	}
	return beforeCap, capped, nil
}

func (c *Cache) logitDiffs(tokens, incorrect any, r *stackRequest) (beforeCap, capped *Tensor, err error) {
	if r.layer != c.m.cfg.NLayers {
		return nil, nil, fmt.Errorf("Layer(%d) would do nothing: logits are after the last layer", r.layer)
	}
	last, err := c.Lookup(ResidPost.At(-1))
	if err != nil {
		return nil, nil, err
	}
	if pos, ok := r.of("pos"); ok { // prompts are picked where the norm is applied
		last = last.pickEntries(last.axis("pos"), pos)
	}
	var before, after [2]*Tensor
	for i, of := range []any{tokens, incorrect} {
		if before[i], err = c.logitAttrs(last, of, r); err != nil {
			return nil, nil, err
		}
		bias, err := c.m.biasOf(of)
		if err != nil {
			return nil, nil, err
		}
		axes, shape := before[i].runAxes()
		if own := bias.Shape(); len(own) > len(axes) || !slices.Equal(own, shape[:len(own)]) {
			return nil, nil, fmt.Errorf("tokens of shape %v do not fit logits of shape %v", own, shape)
		}
		bias = bias.Named(spaced(axes[:len(bias.axes)]))
		if after[i], err = c.m.SoftCap(before[i].Add(bias)); err != nil {
			return nil, nil, err
		}
	}
	return before[0].Sub(before[1]), after[0].Sub(after[1]), nil
}

// SoftCap applies the model's final soft cap, c*tanh(x/c), to logits of any shape. In a model
// without a cap it is the logits themselves.
func (m *Model) SoftCap(logits *Tensor) (*Tensor, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("SoftCap: %w", err)
	}
	if err := logits.check(); err != nil {
		return nil, fmt.Errorf("SoftCap: %w", err)
	}
	c := m.cfg.OutputLogitsSoftCap
	if c == 0 {
		return logits, nil
	}
	var out *Tensor
	err := Try(func() { out = logits.each(fmt.Sprint("soft cap ", c), func(x *Node) *Node { return softCap(x, c) }) })
	return out, err
}

// directionOf is the direction of tokens in any of the forms of LogitAttrs: [d_model], [batch,
// d_model] or [batch, pos, d_model].
func (m *Model) directionOf(tokens any) (*Tensor, error) {
	ids, rank, err := m.tokenIDs(tokens)
	if err != nil {
		return nil, err
	}
	t, err := m.TokensToResidualDirections(ids)
	if err != nil {
		return nil, err
	}
	return t.At(slices.Repeat([]any{0}, 2-rank)...), nil
}

// biasOf is b_U of tokens in any of these forms: a scalar, [batch] or [batch, pos].
func (m *Model) biasOf(tokens any) (*Tensor, error) {
	ids, rank, err := m.tokenIDs(tokens)
	if err != nil {
		return nil, err
	}
	bU, err := m.BU()
	if err != nil {
		return nil, err
	}
	t := bU.gather(0, slices.Concat(ids...)).reshape([]string{"batch", "pos"}, len(ids), len(ids[0]))
	return t.At(slices.Repeat([]any{0}, 2-rank)...), nil
}

// tokenIDs are tokens in any of these forms as a table, and of how many axes: none for one, then
// [batch] and [batch, pos].
func (m *Model) tokenIDs(tokens any) (ids Tokens, rank int, err error) {
	switch v := tokens.(type) {
	case string:
		id, err := m.ToSingleToken(v)
		return Tokens{{id}}, 0, err
	case int:
		return Tokens{{v}}, 0, nil
	case []int:
		ids, rank = Tokens{v}, 1
	case [][]int:
		ids, rank = v, 2
	case Tokens:
		ids, rank = v, 2
	}
	if len(ids) == 0 || len(ids[0]) == 0 {
		return nil, 0, fmt.Errorf("tokens of type %s: want a text, a token id, []int (one a prompt) or Tokens (one a position), not empty", typeOf(tokens))
	}
	return ids, rank, nil
}
