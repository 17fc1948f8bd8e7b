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

// at is the pixel of v; far outside the scale it stops growing, see farOff.
func (s scale) at(v float64) float64 {
	return s.from + s.part(v)*(s.to-s.from)
}

// part is how far along the scale v lies. What has no logarithm lies below one.
func (s scale) part(v float64) float64 {
	if s.log {
		return part(log10(max(v, 0)), log10(s.lo), log10(s.hi))
	}
	return part(v, s.lo, s.hi)
}

// farOff bounds, in lengths of a scale, the places outside it: a coordinate is a
// number that a picture can hold, whatever the value.
const farOff = 1e6

// part is how far along from lo to hi v lies: 0 at lo, 1 at hi.
func part(v, lo, hi float64) float64 {
	if math.IsInf(hi-lo, 0) || math.IsInf(v-lo, 0) {
		v, lo, hi = v/2, lo/2, hi/2 // half of any difference is finite
	}
	return min(max((v-lo)/(hi-lo), -farOff), farOff)
}

// span is hi-lo, or the largest number where that overflows.
func span(lo, hi float64) float64 { return bounded(hi - lo) }

// bounded puts the largest number for an infinity.
func bounded(v float64) float64 { return min(max(v, -math.MaxFloat64), math.MaxFloat64) }

// holds tells whether v lies on the scale, a hair's breadth aside.
func (s scale) holds(v float64) bool {
	const slack = 1e-9
	t := s.part(v)
	return t >= -slack && t <= 1+slack
}

const (
	// leastSpan is the shortest of a scale: below it the powers of ten lose digits.
	leastSpan = 1e-300
	// leastFloats is how many floats lie between the ends of a scale at least,
	// so that its ticks and bins can advance.
	leastFloats = 64
)

// widened gives lo..hi, or more around its middle where fewer than so many
// floats lie between the two.
func widened(lo, hi, floats float64) (float64, float64) {
	least := max(floats*0x1p-52*max(math.Abs(lo), math.Abs(hi)), leastSpan)
	if hi-lo >= least {
		return lo, hi
	}
	middle := lo + (hi-lo)/2
	return bounded(middle - least), bounded(middle + least)
}

// newScale is the scale from lo to hi, widened where it must be.
func newScale(lo, hi float64) scale {
	lo, hi = widened(lo, hi, leastFloats)
	return scale{lo: lo, hi: hi}
}

// niceScale widens lo..hi to round numbers about which ticks can stand.
func niceScale(lo, hi float64, log bool) scale {
	if log {
		return decadeScale(lo, hi)
	}
	if lo == hi {
		d := max(math.Abs(lo)/2, 0.5)
		lo, hi = bounded(lo-d), bounded(hi+d)
	}
	lo, hi = widened(lo, hi, leastFloats)
	step := stepFor(lo, hi, 6)
	first, last := math.Floor(lo/step+1e-9)*step, math.Ceil(hi/step-1e-9)*step
	// last may be rounded down
	return scale{lo: bounded(min(first, lo)), hi: bounded(max(last, hi))}
}

// decadeScale goes from one power of ten to another, as far as there are any.
func decadeScale(lo, hi float64) scale {
	first, last := math.Floor(log10(lo)), math.Ceil(log10(max(hi, bounded(lo*1.0001))))
	return scale{lo: positive(math.Pow10(int(first))), hi: positive(math.Pow10(int(last))), log: true}
}

// positive keeps what a logarithmic scale computes from leaving the numbers.
func positive(v float64) float64 { return max(bounded(v), math.SmallestNonzeroFloat64) }

// roomy adds a little at both ends, so that marks on the outermost ticks are
// drawn whole.
func (s scale) roomy() scale {
	s.lo, s.hi = s.between(-0.02), s.between(1.02)
	return s
}

// between is the value a part t of the way from lo to hi.
func (s scale) between(t float64) float64 {
	switch {
	case s.log && finite(s.hi/s.lo):
		return positive(s.lo * math.Pow(s.hi/s.lo, t))
	case s.log:
		lo, hi := log10(s.lo), log10(s.hi)
		return positive(math.Pow(10, lo+t*(hi-lo)))
	}
	return along(s.lo, s.hi, t)
}

// along is the value a part t of the way from lo to hi, beyond them if need be.
func along(lo, hi, t float64) float64 {
	if d := hi - lo; finite(d) {
		return bounded(lo + t*d)
	}
	return bounded(lo*(1-t) + hi*t)
}

// stepFor is a round length that lo..hi holds about n times.
func stepFor(lo, hi, n float64) float64 {
	if d := hi - lo; finite(d) {
		return niceStep(d / n)
	}
	return niceStep(hi/n - lo/n)
}

// niceStep is the smallest of 1, 2, 5 times a power of ten that is no less than x.
func niceStep(x float64) float64 {
	const largest = 1e308 // the next would be infinite
	if x >= largest {
		return largest
	}
	power := math.Pow10(int(math.Floor(log10(x))))
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

// ticks are about n round numbers on the scale. They are counted first: a
// number that is added to would not advance far from zero.
func (s scale) ticks(n int) []tick {
	if s.log {
		return s.decades(n)
	}
	step := stepFor(s.lo, s.hi, float64(n))
	first, last := math.Ceil(s.lo/step-1e-9), math.Floor(s.hi/step+1e-9)
	label := tickLabels(step, max(math.Abs(s.lo), math.Abs(s.hi)))
	var out []tick
	for i := range int(min(last-first, float64(2*n))) + 1 {
		v := bounded((first + float64(i)) * step)
		out = append(out, tick{v, label(v)})
	}
	return out
}

// tickLabels writes all ticks of an axis with the same number of decimals,
// enough to tell one from the next; largest is the largest magnitude there.
func tickLabels(step, largest float64) func(v float64) string {
	places := max(0, -exponent(step))
	apart := exponent(largest) - exponent(step) // digits from the first to the one that changes
	plain := func(v float64) string { return minus(dropNegativeZero(strconv.FormatFloat(v, 'f', places, 64))) }
	return func(v float64) string {
		switch a := math.Abs(v); {
		case a < 1e7 && places <= 6:
			return plain(v)
		case apart < digits-1 || v == 0:
			return format(v)
		case largest < 1e15 && places <= 16:
			return plain(v)
		}
		return minus(strconv.FormatFloat(v, 'e', min(apart, 16), 64))
	}
}

// exponent is the power of ten of v's first digit.
func exponent(v float64) int { return int(math.Floor(log10(v) + 1e-9)) }

// text writes a value on the scale so that it can be told from its neighbours.
func (s scale) text(v float64) string { return formatTo(v, digitsFor(s.lo, s.hi)) }

// number is v with the digits that the scale can show, for the front end.
func (s scale) number(v float64) float64 { return round(v, digitsFor(s.lo, s.hi)+2) }

func (s scale) vegaNumber(v float64) any { return vegaNumber(v, digitsFor(s.lo, s.hi)+2) }

// decades are the powers of ten on a logarithmic scale, thinned to about n.
func (s scale) decades(n int) []tick {
	first, last := int(math.Round(log10(s.lo))), int(math.Round(log10(s.hi)))
	every := max(1, (last-first)/n)
	var out []tick
	for e := first; e <= last; e += every {
		v := math.Pow10(e)
		out = append(out, tick{v, format(v)})
	}
	return out
}
