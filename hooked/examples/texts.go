package examples

import (
	"fmt"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// Texts are examples with their tokens as text, to be read and drawn: plots.TextSeries takes them
// as they are.
type Texts struct {
	examples []Example
	tokens   [][]string
}

// TextsOf are examples in a model's tokens.
func TextsOf(m *hooked.Model, list []Example) (*Texts, error) {
	if m == nil {
		return nil, fmt.Errorf("examples: TextsOf: the model is nil")
	}
	t := &Texts{examples: list}
	for i, e := range list {
		tokens, err := m.StrTokens(e.Tokens)
		if err != nil {
			return nil, brief.Errorf("examples: example %d, row %d: %w", i, e.Row, err)
		}
		t.tokens = append(t.tokens, tokens)
	}
	return t, nil
}

// Len is how many examples there are.
func (t *Texts) Len() int {
	if t == nil {
		return 0
	}
	return len(t.examples)
}

// Text is the i-th example: where it stands, its tokens and the feature's activation at each.
func (t *Texts) Text(i int) (label string, tokens []string, values []float32) {
	e := t.at(i)
	return fmt.Sprintf("row %d, %.3g at position %d", e.Row, e.Value, e.Pos), t.tokens[i], e.Activations
}

// Peak is the token at the i-th example's peak.
func (t *Texts) Peak(i int) string {
	e := t.at(i)
	return t.tokens[i][e.Pos-e.From]
}

func (t *Texts) at(i int) Example {
	if i < 0 || i >= t.Len() {
		panic(brief.Errorf("examples: there is no example %d: there are %d", i, t.Len()))
	}
	return t.examples[i]
}
