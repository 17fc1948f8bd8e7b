package hooked

import (
	"slices"

	"gopherlens/internal/brief"
	"gopherlens/tokenize"
)

// Tokens are token ids, [batch][pos]; all rows are equally long.
type Tokens [][]int

// A Side is where shorter texts are filled up.
type Side = tokenize.Side

// The sides.
const (
	Right = tokenize.PadRight
	Left  = tokenize.PadLeft
)

// Shape is [batch, pos].
func (t Tokens) Shape() []int {
	if len(t) == 0 {
		return []int{0, 0}
	}
	return []int{len(t), len(t[0])}
}

// check reports rows of unequal length, tokens outside the vocabulary, and inputs longer than the context.
func (t Tokens) check(c Config) error {
	if len(t) == 0 || len(t[0]) == 0 {
		return brief.Errorf("the input has no tokens")
	}
	for i, row := range t {
		if len(row) != len(t[0]) {
			return brief.Errorf("prompt %d has %d tokens, prompt 0 has %d: pad them to one length (ToTokens does)", i, len(row), len(t[0]))
		}
		for j, id := range row {
			if id < 0 || id >= c.DVocab {
				return brief.Errorf("prompt %d, position %d: token %d is outside the vocabulary of %d", i, j, id, c.DVocab)
			}
		}
	}
	if len(t[0]) > c.longest() {
		return brief.Errorf("the input has %d tokens, the model's context %d", len(t[0]), c.NCtx)
	}
	return nil
}

// followedBy joins the tokens of each prompt with those that follow them. It changes neither.
func (t Tokens) followedBy(more Tokens) Tokens {
	if len(t) == 0 {
		return more
	}
	out := make(Tokens, len(t))
	for i := range out {
		out[i] = slices.Concat(t[i], more[i])
	}
	return out
}

func flatten32(rows [][]int) []int32 {
	var out []int32
	for _, row := range rows {
		for _, v := range row {
			out = append(out, int32(v))
		}
	}
	return out
}
