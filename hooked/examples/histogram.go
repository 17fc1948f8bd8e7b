package examples

import (
	"math"
	"slices"

	"gopherlens/hooked"
)

// Bins of a histogram are halves of octaves, [2^k, 1.5 * 2^k) and [1.5 * 2^k, 2^(k+1)): they need
// no range beforehand, so that histograms of any rows add up, and a float32's highest bits name
// them.
const (
	histogramBins = 96
	smallestBin   = (127 - 24) << 1 // that of 2^-24; what is smaller counts there
)

func binOf(v float32) int {
	return min(max(int(math.Float32bits(v)>>22)-smallestBin, 0), histogramBins-1)
}

// binEdge is where a bin begins.
func binEdge(bin int) float64 {
	return math.Ldexp(1+0.5*float64(bin&1), bin>>1-24)
}

// count adds the batch's activations to the histograms.
func (g *gauge) count(p *peaks, s *search) error {
	var flat []float32
	if err := hooked.Try(func() { flat = p.values.Float32s() }); err != nil {
		return err
	}
	for row := range s.rows {
		for feature, l := range g.lists {
			from := (row*p.features + feature) * s.length
			for _, v := range flat[from+s.config.Skip : from+s.length] {
				if v > 0 {
					l.bins[binOf(v)]++
				}
			}
		}
	}
	return nil
}

// Histogram tells at how many positions the feature was how active, of those where it was above
// zero: counts of intervals, and their edges, one more, which are half an octave apart. The first
// interval and the last are not empty. There is none without [Config.Histogram], nor of a feature
// that was never active.
func (f *Feature) Histogram() (edges []float64, counts []int) {
	if f == nil {
		return nil, nil
	}
	full := func(n int) bool { return n > 0 }
	first := slices.IndexFunc(f.bins, full)
	if first < 0 {
		return nil, nil
	}
	last := len(f.bins)
	for f.bins[last-1] == 0 {
		last--
	}
	for bin := first; bin <= last; bin++ {
		edges = append(edges, binEdge(bin))
	}
	return edges, slices.Clone(f.bins[first:last])
}
