package hooked

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Sampling says how the next token is drawn from its logits. The zero value takes the likeliest
// one.
//
// The order is TransformerLens': the logits are divided by the temperature; then FreqPenalty is
// subtracted once for each time that a token occurs so far; then TopK, or if that is zero TopP,
// leaves the likeliest; of these one is drawn.
type Sampling struct {
	// 0 takes the likeliest token and looks at nothing else here; 1 draws as the model says
	Temperature float64
	// in logits, for each occurrence of a token in prompt and continuation, the BOS included
	FreqPenalty float64
	// only this many of the likeliest, more where several are as likely as the last; 0 for all
	TopK int
	// only the likeliest that together reach this probability, the one that crosses it included; 0
	// for all
	TopP float64
	// the same seed draws the same tokens, for each prompt whatever the others of its batch are
	Seed uint64
}

func (s Sampling) check() error {
	switch {
	case s.Temperature < 0:
		return fmt.Errorf("Temperature %v is negative: 0 takes the likeliest token, 1 draws as the model says", s.Temperature)
	case math.IsNaN(s.Temperature) || math.IsInf(s.Temperature, 1):
		return fmt.Errorf("Temperature %v: want a number, 1 to draw as the model says", s.Temperature)
	case math.IsNaN(s.FreqPenalty) || math.IsInf(s.FreqPenalty, 0):
		return fmt.Errorf("FreqPenalty %v: want a number of logits", s.FreqPenalty)
	case s.TopK < 0:
		return fmt.Errorf("TopK %d is negative: 0 leaves all tokens", s.TopK)
	case !(s.TopP >= 0 && s.TopP <= 1):
		return fmt.Errorf("TopP %v is no probability", s.TopP)
	}
	return nil
}

// errNoDistribution is what is wrong with logits that say nothing about the next token.
var errNoDistribution = errors.New("the logits are no distribution: they hold NaN or an infinity, or are all -Inf; " +
	"weights or an edit have made them so (Model.Verify checks the model)")

// checkLogits refuses logits that make no distribution. Single ones may be -Inf: such a token is
// never drawn.
func checkLogits(logits []float32) error {
	top := slices.Max(logits) // NaN if any is
	if math.IsNaN(float64(top)) || math.IsInf(float64(top), 0) {
		return errNoDistribution
	}
	return nil
}

// Probabilities is the distribution that the next token is drawn from, given its logits [d_vocab]
// and the tokens so far.
func (s Sampling) Probabilities(logits []float32, tokens []int) ([]float64, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if len(logits) == 0 {
		return nil, fmt.Errorf("Probabilities of no logits")
	}
	if err := checkLogits(logits); err != nil {
		return nil, err
	}
	if s.Temperature == 0 {
		p := make([]float64, len(logits))
		p[likeliest(logits)] = 1
		return p, nil
	}
	scores := make([]float64, len(logits))
	for i, l := range logits {
		scores[i] = float64(l) / s.Temperature
	}
	for _, id := range tokens {
		if id < 0 || id >= len(scores) {
			return nil, fmt.Errorf("token %d is outside the %d logits", id, len(scores))
		}
		scores[id] -= s.FreqPenalty
	}
	if top := slices.Max(scores); math.IsInf(top, 0) || math.IsNaN(top) {
		return nil, fmt.Errorf("Temperature %v and FreqPenalty %v take the logits beyond all numbers", s.Temperature, s.FreqPenalty)
	}
	switch {
	case s.TopK > 0:
		keepTopK(scores, s.TopK)
	case s.TopP > 0:
		keepTopP(scores, s.TopP)
	}
	return softmax(scores), nil
}

// likeliest is where the largest logit stands, the first of equal ones.
func likeliest(logits []float32) int {
	at := 0
	for i, l := range logits {
		if l > logits[at] {
			at = i
		}
	}
	return at
}

// keepTopK takes away every score below the kth largest; ties with it stay.
func keepTopK(scores []float64, k int) {
	if k >= len(scores) {
		return
	}
	sorted := slices.Clone(scores)
	slices.SortFunc(sorted, func(a, b float64) int { return cmp.Compare(b, a) })
	for i, s := range scores {
		if s < sorted[k-1] {
			scores[i] = math.Inf(-1)
		}
	}
}

// keepTopP takes away every score after the one at which the probabilities, largest first, come to
// exceed p.
func keepTopP(scores []float64, p float64) {
	probs := softmax(scores)
	order := make([]int, len(probs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(probs[b], probs[a]) })
	sum := 0.0
	for _, i := range order {
		if sum > p {
			scores[i] = math.Inf(-1)
		}
		sum += probs[i]
	}
}

func softmax(scores []float64) []float64 {
	top := slices.Max(scores)
	probs := make([]float64, len(scores))
	sum := 0.0
	for i, s := range scores {
		probs[i] = math.Exp(s - top)
		sum += probs[i]
	}
	for i := range probs {
		probs[i] /= sum
	}
	return probs
}

// source is the random numbers of one prompt of a batch.
func (s Sampling) source(prompt int) *rand.Rand { return rand.New(rand.NewPCG(s.Seed, uint64(prompt))) }

// drawFrom picks a token with the given probabilities.
func drawFrom(probs []float64, from *rand.Rand) int {
	u := from.Float64()
	last := 0
	for i, p := range probs {
		if p == 0 {
			continue
		}
		if last = i; u < p {
			break
		}
		u -= p
	}
	return last
}
