package dictionary

import (
	"fmt"
	"math"
)

// Measures are how good a dictionary is on some text, see [Dictionary.Measure].
type Measures struct {
	Positions int // that were measured

	L0 float64 // mean number of active features of a position
	// MSE is the mean squared distance between the site and what the dictionary gives, summed over
	// the entries of a vector.
	MSE float64
	// ExplainedVariance is 1 less MSE over the variance of the site: 1 is all, and 0 what a
	// constant gives.
	ExplainedVariance float64

	// Losses in nats a token: of the model, with the dictionary in it, and with the site set to
	// zero and to its mean. NaN if they were left out.
	Loss, Spliced, ZeroAblated, MeanAblated float64

	Fired []int     // of each feature: positions at which it was active
	Mean  []float64 // of each feature: mean activation where it was active; 0 if it never was
	Max   []float64 // of each feature: largest activation
}

func (g *gauge) measures() *Measures {
	t := g.tally
	m := &Measures{Positions: int(t.positions), MSE: t.missed / t.positions, ExplainedVariance: 1 - t.missed/t.scatter,
		Fired: make([]int, len(t.fired)), Mean: make([]float64, len(t.fired)), Max: make([]float64, len(t.fired))}
	for i, n := range t.fired {
		m.L0 += n / t.positions
		m.Fired[i], m.Max[i] = int(n), float64(t.most[i])
		if n > 0 {
			m.Mean[i] = t.activations[i] / n
		}
	}
	rows := g.losses.rows
	if g.how.WithoutLosses {
		rows = math.NaN()
	}
	m.Loss, m.Spliced = g.losses.clean/rows, g.losses.spliced/rows
	m.ZeroAblated, m.MeanAblated = g.losses.zero/rows, g.losses.mean/rows
	return m
}

// LossRecovered is how much of what zeroing the site costs the dictionary gives back: 1 is all.
func (m *Measures) LossRecovered() float64 { return m.recovered(m.need().ZeroAblated) }

// LossRecoveredFromMean is the same against putting the site's mean in its place, which costs less.
func (m *Measures) LossRecoveredFromMean() float64 { return m.recovered(m.need().MeanAblated) }

func (m *Measures) recovered(ablated float64) float64 {
	return (ablated - m.need().Spliced) / (ablated - m.need().Loss)
}

// need is m, or measures of nothing.
func (m *Measures) need() *Measures {
	if m == nil {
		return &Measures{}
	}
	return m
}

// Dead are the features that were never active.
func (m *Measures) Dead() (features []int) {
	for f, n := range m.need().Fired {
		if n == 0 {
			features = append(features, f)
		}
	}
	return features
}

// DeadFraction is the part of the features that were never active.
func (m *Measures) DeadFraction() float64 {
	return float64(len(m.Dead())) / float64(len(m.need().Fired))
}

// Density is the part of the positions at which each feature was active.
func (m *Measures) Density() []float64 {
	out := make([]float64, len(m.need().Fired))
	for f, n := range m.need().Fired {
		out[f] = float64(n) / float64(m.Positions)
	}
	return out
}

// A Histogram is how many features fire how often.
type Histogram struct {
	Edges  []float64 // of the bins, in powers of ten of the density: one more than there are bins
	Counts []int     // features in each bin
	Dead   int       // features that never fired, which are in no bin
}

// DensityHistogram is the histogram of the features' densities on a logarithmic axis, from one
// position of all to every one.
func (m *Measures) DensityHistogram(bins int) Histogram {
	m = m.need()
	if bins < 1 || m.Positions < 1 {
		return Histogram{}
	}
	h := Histogram{Edges: make([]float64, bins+1), Counts: make([]int, bins)}
	low := -math.Log10(float64(max(m.Positions, 2)))
	for i := range h.Edges {
		h.Edges[i] = low * float64(bins-i) / float64(bins)
	}
	for _, density := range m.Density() {
		if density == 0 {
			h.Dead++
			continue
		}
		bin := int((math.Log10(density) - low) / -low * float64(bins))
		h.Counts[max(min(bin, bins-1), 0)]++
	}
	return h
}

// String is a line of the measures.
func (m *Measures) String() string {
	if m == nil {
		return "no measures"
	}
	return fmt.Sprintf("%d positions: L0 %.1f, explained variance %.3f, loss recovered %.3f (from the mean %.3f), dead features %.1f%%", m.Positions, m.L0,
		m.ExplainedVariance, m.LossRecovered(), m.LossRecoveredFromMean(), 100*m.DeadFraction())
}
