package lens

import (
	"context"
	"fmt"
	"math"

	"gopherlens/hooked"
)

// A Pattern is where a kind of head attends to: for the tokens of a prompt, [query][key] weights,
// zero above the diagonal.
type Pattern func(tokens []int) ([][]float32, error)

// PreviousToken is the pattern of heads that attend to the token before.
func PreviousToken(tokens []int) ([][]float32, error) {
	p := square(len(tokens))
	for q := 1; q < len(p); q++ {
		p[q][q-1] = 1
	}
	return p, nil
}

// DuplicateToken is the pattern of heads that attend to earlier occurrences of the token.
func DuplicateToken(tokens []int) ([][]float32, error) {
	p := square(len(tokens))
	for q := range p {
		for k := range q {
			if tokens[k] == tokens[q] {
				p[q][k] = 1
			}
		}
	}
	return p, nil
}

// Induction is the pattern of heads that attend to what followed earlier occurrences of the token.
func Induction(tokens []int) ([][]float32, error) {
	p := square(len(tokens))
	for q := range p {
		for k := 1; k <= q; k++ {
			if k-1 < q && tokens[k-1] == tokens[q] {
				p[q][k] = 1
			}
		}
	}
	return p, nil
}

// Given is a pattern of one's own: a square with a row for each query, zero above the diagonal.
func Given(pattern [][]float32) Pattern {
	return func(tokens []int) ([][]float32, error) {
		if len(pattern) != len(tokens) {
			return nil, fmt.Errorf("the pattern has %d rows, the prompt %d tokens", len(pattern), len(tokens))
		}
		for q, row := range pattern {
			if len(row) != len(tokens) {
				return nil, fmt.Errorf("row %d of the pattern has %d entries, the prompt %d tokens", q, len(row), len(tokens))
			}
			for k := q + 1; k < len(row); k++ {
				if row[k] != 0 {
					return nil, fmt.Errorf("the pattern attends to the future: entry %d of row %d is %g", k, q, row[k])
				}
			}
		}
		return pattern, nil
	}
}

func square(n int) [][]float32 {
	p := make([][]float32, n)
	for i := range p {
		p[i] = make([]float32, n)
	}
	return p
}

// A Measure says how alike attention and pattern are.
type Measure string

// The measures, as in TransformerLens.
const (
	// Mul is the share of attention that lies where the pattern is, weighted with it.
	Mul Measure = "mul"
	// Abs is one minus the mean over queries of the summed absolute differences, rounded to three
	// decimals.
	Abs Measure = "abs"
)

// Detection says what DetectHead leaves aside, and when it ends early.
type Detection struct {
	Measure        Measure // Mul if empty
	ExcludeBOS     bool    // attention to the first token does not count
	ExcludeCurrent bool    // attention to the query's own token does not count

	Context context.Context // of the model's run and of what follows; nil for none
}

// DetectHead says how much each head attends as a pattern tells, on the average over prompts:
// [layer, head]. Prompts must be equally long; rows that end in pad tokens are refused, since what
// pads attend to would count.
func DetectHead(m *hooked.Model, tokens hooked.Tokens, pattern Pattern, d Detection) (*hooked.Tensor, error) {
	scores, err := DetectHeads(m, tokens, d, pattern)
	if err != nil {
		return nil, err
	}
	return scores[0], nil
}

// DetectHeads is [DetectHead] of several patterns, in one run of the model: a score [layer, head]
// for each.
//
//	scores, err := lens.DetectHeads(m, tokens, lens.Detection{}, lens.PreviousToken, lens.DuplicateToken, lens.Induction)
func DetectHeads(m *hooked.Model, tokens hooked.Tokens, d Detection, patterns ...Pattern) ([]*hooked.Tensor, error) {
	if err := d.check(m, tokens, patterns); err != nil {
		return nil, err
	}
	ctx := d.Context
	if ctx == nil {
		ctx = context.Background()
	}
	cache, err := m.Cache(tokens, hooked.Names(hooked.AttnPattern), hooked.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	c := m.Config()
	scores := make([]*hooked.Array, len(patterns))
	for k := range scores {
		scores[k] = hooked.NewArray(c.NLayers, c.NHeads)
	}
	for i, prompt := range tokens {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("after %d of %d prompts: %w", i, len(tokens), err)
		}
		want, err := all(patterns, prompt)
		if err != nil {
			return nil, fmt.Errorf("prompt %d: %w", i, err)
		}
		for l := range c.NLayers {
			var got []float32
			if err := hooked.Try(func() { got = cache.Get(hooked.AttnPattern, l).At(i).Float32s() }); err != nil {
				return nil, err
			}
			n := len(prompt)
			for k := range patterns {
				for h := range c.NHeads {
					scores[k].Data[l*c.NHeads+h] += d.score(got[h*n*n:(h+1)*n*n], want[k]) / float32(len(tokens))
				}
			}
		}
	}
	out := make([]*hooked.Tensor, len(patterns))
	for k, s := range scores {
		if out[k], err = m.NewTensor(s, "layer head"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// check refuses what no score can be computed of.
func (d Detection) check(m *hooked.Model, tokens hooked.Tokens, patterns []Pattern) error {
	if d.Measure != "" && d.Measure != Mul && d.Measure != Abs {
		return fmt.Errorf("measure %q: want lens.Mul or lens.Abs", d.Measure)
	}
	if len(patterns) == 0 {
		return fmt.Errorf("DetectHeads: no pattern is given")
	}
	for k, p := range patterns {
		if p == nil {
			return fmt.Errorf("DetectHeads: pattern %d is nil", k)
		}
	}
	for i, end := range m.EndsOf(tokens) {
		if n := len(tokens[i]) - 1 - end[0]; n > 0 {
			return fmt.Errorf("DetectHead: the last %d of the %d tokens of prompt %d are the pad token: give prompts of one length, "+
				"or one by one", n, len(tokens[i]), i)
		}
	}
	return nil
}

// all are the patterns of a prompt.
func all(patterns []Pattern, prompt []int) (out [][][]float32, err error) {
	out = make([][][]float32, len(patterns))
	for k, pattern := range patterns {
		if out[k], err = pattern(prompt); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// score compares the attention [query, key] of one head with a pattern.
func (d Detection) score(attention []float32, want [][]float32) float32 {
	n := len(want)
	var inside, whole, apart float64
	for q, row := range want {
		for k, w := range row {
			if d.ExcludeBOS && k == 0 || d.ExcludeCurrent && k == q {
				continue
			}
			a := float64(attention[q*n+k])
			inside += a * float64(w)
			whole += a
			apart += math.Abs(a - float64(w))
		}
	}
	if d.Measure == Abs {
		return float32(1 - math.Round(apart/float64(n)*1000)/1000)
	}
	return float32(inside / whole)
}
