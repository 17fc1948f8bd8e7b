package plots

import (
	"math"
	"strconv"
)

// scale maps data from lo..hi to pixels from..to, evenly or by logarithm.
type scale struct {
	lo, hi   float64
	from, to float64
	log      bool
}

func (s scale) at(v float64) float64 {
	lo, hi := s.lo, s.hi
	if s.log {
		lo, hi, v = math.Log10(lo), math.Log10(hi), math.Log10(v)
	}
	return s.from + (v-lo)/(hi-lo)*(s.to-s.from)
}

// holds tells whether v lies on the scale, a hair's breadth aside.
func (s scale) holds(v float64) bool {
	slack := (s.hi - s.lo) * 1e-9
	return v >= s.lo-slack && v <= s.hi+slack
}

// niceScale widens lo..hi to round numbers about which ticks can stand.
func niceScale(lo, hi float64, log bool) scale {
	if log {
		return scale{lo: math.Pow(10, math.Floor(math.Log10(lo))), hi: math.Pow(10, math.Ceil(math.Log10(max(hi, lo*1.0001)))), log: true}
	}
	if lo == hi {
		d := max(math.Abs(lo)/2, 0.5)
		lo, hi = lo-d, hi+d
	}
	step := niceStep((hi - lo) / 6)
	return scale{lo: math.Floor(lo/step+1e-9) * step, hi: math.Ceil(hi/step-1e-9) * step}
}

// roomy adds a little at both ends, so that marks on the outermost ticks are
// drawn whole.
func (s scale) roomy() scale {
	s.lo, s.hi = s.between(-0.02), s.between(1.02)
	return s
}

// between is the value a part t of the way from lo to hi.
func (s scale) between(t float64) float64 {
	if s.log {
		return s.lo * math.Pow(s.hi/s.lo, t)
	}
	return s.lo + t*(s.hi-s.lo)
}

// niceStep is the smallest of 1, 2, 5 times a power of ten that is no less than x.
func niceStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// tick is a place on an axis and what it says there.
type tick struct {
	at    float64
	label string
}

// ticks are about n round numbers on the scale.
func (s scale) ticks(n int) []tick {
	if s.log {
		return s.decades(n)
	}
	step := niceStep((s.hi - s.lo) / float64(n))
	places := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var out []tick
	for k := math.Ceil(s.lo/step - 1e-9); k*step <= s.hi+step*1e-9; k++ {
		out = append(out, tick{k * step, tickLabel(k*step, places)})
	}
	return out
}

// tickLabel writes all ticks of an axis with the same number of decimals.
func tickLabel(v float64, places int) string {
	if a := math.Abs(v); a >= 1e7 || places > 6 {
		return format(v)
	}
	return minus(dropNegativeZero(strconv.FormatFloat(v, 'f', places, 64)))
}

// decades are the powers of ten on a logarithmic scale, thinned to about n.
func (s scale) decades(n int) []tick {
	first, last := int(math.Round(math.Log10(s.lo))), int(math.Round(math.Log10(s.hi)))
	every := max(1, (last-first)/n)
	var out []tick
	for e := first; e <= last; e += every {
		v := math.Pow(10, float64(e))
		out = append(out, tick{v, format(v)})
	}
	return out
}
