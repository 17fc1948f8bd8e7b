package plots

import (
	"fmt"
	"math"
)

// Colors says how values become colours.
type Colors int

const (
	// Auto is Diverging where values have both signs, a ramp from white at zero
	// where they have one, and Sequential where zero is far from all of them
	// (further than the span of the data).
	Auto Colors = iota
	// Diverging goes from red over white, which is always zero, to blue, as far
	// in either direction as the largest magnitude.
	Diverging
	// Sequential goes from the smallest value to the largest.
	Sequential
)

type rgb [3]uint8

func (c rgb) hex() string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

// luminance is the relative luminance of WCAG 2 (0 black, 1 white).
func (c rgb) luminance() float64 {
	linear := func(u uint8) float64 {
		x := float64(u) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

// ink is the text colour that reads best on c: WCAG's contrast with white,
// 1.05/(L+0.05), is larger than that with black, (L+0.05)/0.05, below 0.179.
func (c rgb) ink() rgb {
	if c.luminance() < 0.179 {
		return white
	}
	return black
}

var (
	white = rgb{255, 255, 255}
	black = rgb{0, 0, 0}
	dark  = rgb{0x33, 0x33, 0x33} // text and axes
	muted = rgb{0x66, 0x66, 0x66} // notes and tick labels
	faint = rgb{0xe3, 0xe3, 0xe3} // grid lines

	// What is not a number is grey, which no ramp below contains.
	nanColor      = rgb{0xa6, 0xa6, 0xa6}
	minusInfinity = rgb{0xd4, 0xd4, 0xd4}
	plusInfinity  = rgb{0x59, 0x59, 0x59}
)

// redBlue is ColorBrewer's RdBu with 11 classes and a pure white middle (Brewer
// 2002, https://colorbrewer2.org, which lists it as safe for colour-vision
// deficiency): red below zero, blue above, as Plotly's RdBu and CircuitsVis.
var redBlue = []rgb{
	{0x67, 0x00, 0x1f}, {0xb2, 0x18, 0x2b}, {0xd6, 0x60, 0x4d}, {0xf4, 0xa5, 0x82}, {0xfd, 0xdb, 0xc7},
	{0xff, 0xff, 0xff},
	{0xd1, 0xe5, 0xf0}, {0x92, 0xc5, 0xde}, {0x43, 0x93, 0xc3}, {0x21, 0x66, 0xac}, {0x05, 0x30, 0x61},
}

// viridis is Matplotlib's map of that name (Smith & van der Walt 2015) at nine
// even steps: lightness rises evenly, so it also reads in grey.
var viridis = []rgb{
	{0x44, 0x01, 0x54}, {0x47, 0x2d, 0x7b}, {0x3b, 0x52, 0x8b}, {0x2c, 0x72, 0x8e}, {0x21, 0x91, 0x8c},
	{0x28, 0xae, 0x80}, {0x5e, 0xc9, 0x62}, {0xad, 0xdc, 0x30}, {0xfd, 0xe7, 0x25},
}

// categories are the colours of lines and bars: Okabe & Ito's set for all
// colour visions (2008). For dark themes black is left out and the first blue,
// #0072b2 there, is lighter: 3:1 against white and against Vega's dark grey.
var categories = []rgb{
	{0x2b, 0x88, 0xc8}, {0xd5, 0x5e, 0x00}, {0x00, 0x9e, 0x73}, {0xcc, 0x79, 0xa7},
	{0xe6, 0x9f, 0x00}, {0x56, 0xb4, 0xe9}, {0x8c, 0x8c, 0x8c},
}

// category is the colour of the i-th series.
func category(i int) rgb { return categories[i%len(categories)] }

// dashes tell series apart that share a colour, or that an eye sees alike.
var dashes = [][]float64{nil, {6, 3}, {2, 2}, {8, 3, 2, 3}}

func dash(i int) []float64 { return dashes[(i/len(categories))%len(dashes)] }

// ramp maps a value to a colour: stops are even steps from lo to hi.
type ramp struct {
	lo, hi float64
	stops  []rgb
	digits int // that tell its values apart, see [digitsFor]
}

// newRamp chooses the ramp for values, as the Axes ask.
func newRamp(values []float64, axes Axes) ramp {
	lo, hi, ok := finiteRange(values)
	if !ok {
		lo, hi = 0, 0
	}
	n := digitsFor(lo, hi)
	if axes.fixedRange() {
		lo, hi = axes.Low, axes.High
	}
	r := rampOver(lo, hi, axes)
	r.digits = max(n, digitsFor(r.lo, r.hi))
	return r
}

// rampOver is the ramp for values from lo to hi.
func rampOver(lo, hi float64, axes Axes) ramp {
	kind := axes.Colors
	if kind == Auto {
		kind = chooseColors(lo, hi)
	}
	if kind == Sequential {
		return ramp{lo: lo, hi: hi, stops: viridis}.spread()
	}
	m := max(math.Abs(lo), math.Abs(hi), leastSpan)
	if lo == 0 && hi == 0 {
		m = 1
	}
	switch middle := len(redBlue) / 2; {
	case axes.Colors == Auto && lo >= 0:
		return ramp{lo: 0, hi: m, stops: redBlue[middle:]}
	case axes.Colors == Auto && hi <= 0:
		return ramp{lo: -m, hi: 0, stops: redBlue[:middle+1]}
	}
	return ramp{lo: -m, hi: m, stops: redBlue}
}

// chooseColors is Auto's choice.
func chooseColors(lo, hi float64) Colors {
	nearest := max(lo, -hi) // distance of zero from the data, negative if within
	if hi > lo && nearest > hi-lo {
		return Sequential
	}
	return Diverging
}

// spread keeps a ramp from having no length, which constant data would give, or
// one too short to compute with.
func (r ramp) spread() ramp {
	switch {
	case r.lo == 0 && r.hi == 0:
		r.hi = 1
	case r.lo == r.hi:
		d := math.Abs(r.lo) / 2
		r.lo, r.hi = bounded(r.lo-d), bounded(r.hi+d)
	}
	r.lo, r.hi = widened(r.lo, r.hi, leastFloats)
	return r
}

// text writes a value so that it can be told from others on the ramp.
func (r ramp) text(v float64) string { return formatTo(v, r.digits) }

// at is the colour of v, clamped to the ends; greys for what is not finite.
func (r ramp) at(v float64) rgb {
	switch {
	case math.IsNaN(v):
		return nanColor
	case math.IsInf(v, 1):
		return plusInfinity
	case math.IsInf(v, -1):
		return minusInfinity
	}
	t := part(v, r.lo, r.hi) * float64(len(r.stops)-1)
	t = min(max(t, 0), float64(len(r.stops)-1))
	i := min(int(t), len(r.stops)-2)
	return mix(r.stops[i], r.stops[i+1], t-float64(i))
}

func mix(a, b rgb, t float64) rgb {
	var c rgb
	for i := range c {
		// The conversions keep the compiler from fusing the sum, which rounds
		// differently from one processor to another.
		c[i] = uint8(math.Round(float64(float64(a[i])*(1-t)) + float64(float64(b[i])*t)))
	}
	return c
}
