package train

import (
	"math/rand/v2"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// ModularAddition are all p*p examples of addition modulo p (Nanda et al. 2023, arXiv:2301.05217):
// the tokens are a, b and "=", which is token p, and the label "sum" is (a + b) mod p, to be read
// at the last position. Rows come in the order of a, then b.
func ModularAddition(p int) (Batch, error) {
	if p < 2 {
		return Batch{}, brief.Errorf("ModularAddition(%d): want a modulus of 2 or more", p)
	}
	var tokens hooked.Tokens
	var sums []int
	for a := range p {
		for b := range p {
			tokens = append(tokens, []int{a, b, p})
			sums = append(sums, (a+b)%p)
		}
	}
	return Batch{Tokens: tokens, Labels: map[string]any{"sum": sums}}, nil
}

// RepeatedTokens gives random texts whose second half repeats the first, for ever: what induction
// heads are for (Olsson et al. 2022, arXiv:2209.11895). Each batch has rows of one BOS and then
// twice the same half random tokens below vocabulary, the BOS left out.
func RepeatedTokens(rows, half, vocabulary, bos int, seed uint64) Data {
	return func(yield func(Batch, error) bool) {
		if rows < 1 || half < 1 || vocabulary < 2 || bos < 0 || bos >= vocabulary {
			yield(Batch{}, brief.Errorf("RepeatedTokens: %d rows of twice %d tokens of %d, BOS %d: want at least 1, 1 and 2, and the BOS among the tokens", rows, half, vocabulary, bos))
			return
		}
		random := rand.New(rand.NewPCG(seed, 0))
		for {
			tokens := make(hooked.Tokens, rows)
			for i := range tokens {
				text := make([]int, half)
				for k := range text {
					if text[k] = random.IntN(vocabulary - 1); text[k] >= bos {
						text[k]++
					}
				}
				tokens[i] = append(append([]int{bos}, text...), text...)
			}
			if !yield(Batch{Tokens: tokens}, nil) {
				return
			}
		}
	}
}
