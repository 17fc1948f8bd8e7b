package plots

import (
	"fmt"
	"math"
	"slices"
)

// TokenLogProbs draws a text whose tokens are coloured by how well a model
// foresaw them: logProbs[i] is the natural logarithm of the probability that it
// gave to tokens[i] after those before, white for certain and red for a
// surprise. Top[i] are the model's best guesses in that place (Value is again a
// log-probability), which the pointer shows, up to [TokenGuesses] of them; top
// may be nil.
//
// The first token is foreseen by nothing: logProbs and top may be one shorter
// than tokens, and then begin with the second.
func TokenLogProbs(tokens []string, logProbs any, top [][]Ranked, axes Axes) Figure {
	t, err := newTokenLogProbs(tokens, logProbs, top, axes)
	return figure("TokenLogProbs", t, err)
}

func newTokenLogProbs(tokens []string, logProbs any, top [][]Ranked, axes Axes) (*tokenText, error) {
	if err := axes.check("TokenLogProbs", "Low High"); err != nil {
		return nil, err
	}
	a, err := readArray(logProbs, 1)
	if err != nil {
		return nil, fmt.Errorf("logProbs: %w", err)
	}
	values := a.values
	if len(values) == len(tokens)-1 {
		values = append([]float64{math.NaN()}, values...)
	}
	if top != nil && len(top) == len(tokens)-1 {
		top = append([][]Ranked{nil}, top...)
	}
	if len(values) != len(tokens) || top != nil && len(top) != len(tokens) {
		return nil, fmt.Errorf("there are %d tokens, but %d log-probabilities and %d lists of guesses", len(tokens), len(a.values), len(top))
	}
	for i, v := range values {
		if v > 1e-3 { // a rounding error above zero is no fault
			return nil, fmt.Errorf("logProbs[%d] is %s: a log-probability is not above 0", i, format(v))
		}
	}
	top, shortened, err := cutGuesses(top)
	if err != nil {
		return nil, err
	}
	t := &tokenText{kind: "Log-probabilities of tokens", axes: axes, tokens: tokens, top: top}
	t.quantities = []quantity{{"log-probability (nats)", values, newRamp(values, axes)}}
	t.notes = slices.Concat(shortened, noteSpecials(values, greyNames))
	t.cut()
	return t, nil
}

// TokenGuesses is how many guesses the pointer shows in one place.
const TokenGuesses = 50

// cutGuesses checks that guesses are log-probabilities and keeps the first of
// each list.
func cutGuesses(top [][]Ranked) (cut [][]Ranked, notes []string, err error) {
	longest := 0
	for i, ranked := range top {
		for rank, r := range ranked {
			if r.Value > 1e-3 {
				return nil, nil, fmt.Errorf("top[%d][%d] is %s: a log-probability is not above 0", i, rank, format(r.Value))
			}
		}
		longest = max(longest, len(ranked))
		cut = append(cut, ranked[:min(len(ranked), TokenGuesses)])
	}
	if longest > TokenGuesses {
		notes = []string{fmt.Sprintf("first %d of %d guesses", TokenGuesses, longest)}
	}
	return cut, notes, nil
}

// topRows is the table of guesses in the place of token k: rank, token,
// probability, log-probability, and whether it is the token that came.
func (t *tokenText) topRows(k int) list {
	rows := list{}
	for rank, r := range t.top[k] {
		rows = append(rows, list{fmt.Sprint(rank + 1), clip(visibleToken(r.Token), axisLabelLength),
			percent(r.Value), format(r.Value), r.Token == t.tokens[k]})
	}
	return rows
}

// topLines is that table for a plain title.
func (t *tokenText) topLines(k int) []string {
	var lines []string
	for rank, r := range t.top[k] {
		lines = append(lines, fmt.Sprintf("%d. %s %s", rank+1, clip(visibleToken(r.Token), axisLabelLength), percent(r.Value)))
	}
	return lines
}

// percent writes the probability whose logarithm is logProb.
func percent(logProb float64) string {
	if math.IsNaN(logProb) {
		return format(logProb)
	}
	p := 100 * math.Exp(logProb)
	if p > 0 && p < 0.01 {
		return "<0.01 %"
	}
	return fmt.Sprintf("%.2f %%", p)
}
