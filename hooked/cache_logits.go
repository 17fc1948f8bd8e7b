package hooked

import (
	"fmt"
	"slices"
)

// IncorrectTokens makes [Cache.LogitAttrs] attribute a logit difference: the tokens' logit minus these'.
func IncorrectTokens(tokens any) StackOption { return incorrect{tokens} }

type incorrect struct{ tokens any }

func (i incorrect) setStack(r *stackRequest) { r.incorrect = i.tokens }

// LogitAttrs is how much each entry of a stack adds to the logit of a token, or with [IncorrectTokens] to a difference of
// logits: direct logit attribution, after the final norm with the run's own scale. The stack is [..., d_model], see
// [Cache.ApplyLNToStack] for its axes; the result is the same without d_model. Bias b_U is not in it.
//
// Tokens are a text that is one token (string), a token id (int), one for each prompt ([]int), or one for each position
// too ([Tokens]). [Pos] and [Prompt] say where the stack lies.
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

// logitDirection is the direction that raises the tokens' logits, less that of the incorrect ones if there are any.
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

// directionOf is the direction of tokens in any of the forms of LogitAttrs: [d_model], [batch, d_model] or [batch, pos,
// d_model].
func (m *Model) directionOf(tokens any) (*Tensor, error) {
	switch v := asTokenRows(tokens).(type) {
	case string:
		id, err := m.ToSingleToken(v)
		if err != nil {
			return nil, err
		}
		return m.directionOf(id)
	case int:
		t, err := m.TokensToResidualDirections(Tokens{{v}})
		if err != nil {
			return nil, err
		}
		return t.At(0, 0), nil
	case []int:
		if len(v) == 0 {
			break
		}
		t, err := m.TokensToResidualDirections(Tokens{v})
		if err != nil {
			return nil, err
		}
		return t.At(0), nil
	case Tokens:
		if len(v) == 0 || len(v[0]) == 0 {
			break
		}
		return m.TokensToResidualDirections(v)
	}
	return nil, fmt.Errorf("tokens of type %T: want a text, a token id, []int (one a prompt) or Tokens (one a position), not empty", tokens)
}

func asTokenRows(tokens any) any {
	if rows, ok := tokens.([][]int); ok {
		return Tokens(rows)
	}
	return tokens
}
