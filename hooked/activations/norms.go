package activations

import (
	"math"

	"gopherlens/internal/brief"
)

// The histogram of norms has 64 bins in each octave from 2^-32 to 2^32; what is smaller or larger
// is in the first or the last.
const (
	octaveBins   = 64
	lowestOctave = -32
	bins         = 64 * octaveBins
)

// Norms tells of the Euclidean lengths of activations.
type Norms struct {
	Mean, RMS, Min, Max float64

	count     int
	histogram []int64
}

// Quantile is the length below which a share q of the activations lie, 0 to 1. It is read off a
// histogram whose bins are 1.1 to 1.6 % wide.
func (n Norms) Quantile(q float64) (float64, error) {
	if !(q >= 0 && q <= 1) {
		return 0, brief.Errorf("quantile %v: want a share from 0 to 1", q)
	}
	if n.count == 0 {
		return 0, brief.Errorf("there are no activations to take a quantile of")
	}
	before, rank := 0.0, q*float64(n.count)
	for i, c := range n.histogram {
		if within := rank - before; c > 0 && within <= float64(c) {
			low, high := binEdge(i), binEdge(i+1)
			return min(max(low+(high-low)*within/float64(c), n.Min), n.Max), nil
		}
		before += float64(c)
	}
	return n.Max, nil
}

// binOf is the bin of a length. Bins divide octaves evenly, so that it is read off the bits.
func binOf(norm float64) int {
	first := uint64(1023+lowestOctave) * octaveBins
	at := math.Float64bits(norm) >> (52 - 6) // exponent and six bits of the fraction
	switch {
	case at < first:
		return 0
	case at >= first+bins:
		return bins - 1
	}
	return int(at - first)
}

// binEdge is where a bin begins.
func binEdge(i int) float64 {
	return math.Float64frombits((uint64(1023+lowestOctave)*octaveBins + uint64(i)) << (52 - 6))
}
