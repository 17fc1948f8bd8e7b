package hooked

import (
	"math"
	"slices"

	"gopherlens/internal/brief"
)

// RopeKind is a way of stretching rotary angles for texts that are longer than those of a model's
// first training.
type RopeKind string

// The kinds of rotary scaling, by Hugging Face's names.
// Source: transformers/modeling_rope_utils.py.
const (
	// every pair turns Factor times slower (Chen et al. 2023, arXiv:2306.15595)
	LinearRope RopeKind = "linear"
	// the base grows with the text, once that is longer than OriginalContext
	DynamicRope RopeKind = "dynamic"
	// long wavelengths are slowed, short ones kept (Peng et al. 2023, arXiv:2309.00071)
	YarnRope RopeKind = "yarn"
	// a factor a pair, other ones for long texts (Ding et al. 2024, arXiv:2402.13753)
	LongRope   RopeKind = "longrope"
	Llama3Rope RopeKind = "llama3" // Llama 3.1's: as yarn, with bounds that are wavelengths
)

// RopeScaling stretches the rotary angles of a model's global layers.
//
// With [DynamicRope] and [LongRope] the angles of all positions depend on how long the text is: on
// the length of the padded batch, the key-value cache included. Keys are cached before rotation, so
// that tokens read one by one get the numbers of the whole text; Hugging Face's cached keys keep
// the angles of the length that they were read at.
type RopeScaling struct {
	Kind            RopeKind
	Factor          float64 // how many times longer the context became
	OriginalContext int     // tokens that the model was first trained with; all but linear

	LowFreqFactor  float64 // llama3: wavelengths above OriginalContext/LowFreqFactor are slowed
	HighFreqFactor float64 // llama3: wavelengths below OriginalContext/HighFreqFactor are kept

	// yarn: pairs that turn more often in OriginalContext are kept, less often slowed
	BetaFast, BetaSlow float64
	Truncate           bool // yarn: what lies between is rounded outwards to whole pairs

	// longrope: how much slower each pair turns, in texts up to OriginalContext and above
	ShortFactors, LongFactors []float64

	AttnFactor float64 // yarn and longrope: sines and cosines are multiplied by it; 0 for none
}

// validate reports what makes no sense in the scaling of dim/2 pairs.
func (s *RopeScaling) validate(dim int) error {
	number := func(name string, v float64) error {
		if !positive(v) {
			return brief.Errorf("config: RotaryScaling.%s must be positive, got %v", name, v)
		}
		return nil
	}
	check := map[RopeKind]func() error{
		LinearRope: func() error { return nil },
		DynamicRope: func() error {
			if dim <= 2 {
				return brief.Errorf("config: RotaryScaling %q needs more than one rotary pair, RotaryDim is %d", s.Kind, dim)
			}
			return number("OriginalContext", float64(s.OriginalContext))
		},
		YarnRope: func() error {
			return firstError(number("OriginalContext", float64(s.OriginalContext)), number("BetaFast", s.BetaFast), number("BetaSlow", s.BetaSlow))
		},
		LongRope: func() error {
			return firstError(number("OriginalContext", float64(s.OriginalContext)),
				factors("ShortFactors", s.ShortFactors, dim), factors("LongFactors", s.LongFactors, dim))
		},
		Llama3Rope: func() error {
			if !(s.HighFreqFactor > s.LowFreqFactor) {
				return brief.Errorf("config: RotaryScaling.HighFreqFactor %v must be above LowFreqFactor %v", s.HighFreqFactor, s.LowFreqFactor)
			}
			return firstError(number("OriginalContext", float64(s.OriginalContext)), number("LowFreqFactor", s.LowFreqFactor))
		},
	}[s.Kind]
	if check == nil {
		return brief.Errorf("config: unknown RotaryScaling.Kind %q; known: %s, %s, %s, %s, %s",
			s.Kind, LinearRope, DynamicRope, YarnRope, LongRope, Llama3Rope)
	}
	if s.AttnFactor != 0 {
		if err := number("AttnFactor", s.AttnFactor); err != nil {
			return err
		}
	}
	return firstError(number("Factor", s.Factor), check())
}

// factors reports a list that does not have one positive factor a pair.
func factors(name string, list []float64, dim int) error {
	if len(list) != dim/2 {
		return brief.Errorf("config: %s has %d entries for %d rotary pairs", name, len(list), dim/2)
	}
	for i, v := range list {
		if !positive(v) {
			return brief.Errorf("config: %s[%d] must be positive, got %v", name, i, v)
		}
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// byLength reports whether the angles depend on how long a text is.
func (s *RopeScaling) byLength() bool {
	return s != nil && (s.Kind == DynamicRope || s.Kind == LongRope)
}

// lengthClass is the same number for all lengths of a text that have the same angles.
func (s *RopeScaling) lengthClass(length int) int {
	switch {
	case !s.byLength() || length <= s.OriginalContext:
		return 0
	case s.Kind == LongRope:
		return s.OriginalContext + 1
	}
	return length
}

// attnFactor is what sines and cosines are multiplied by.
func (s *RopeScaling) attnFactor() float64 {
	if s == nil || s.AttnFactor == 0 {
		return 1
	}
	return s.AttnFactor
}

// periods are the positions per radian of each of dim/2 pairs in a text of a length; unscaled is
// base^(2i/dim).
func (s *RopeScaling) periods(unscaled []float64, base float64, length int) []float64 {
	out := slices.Clone(unscaled)
	switch s.Kind {
	case LinearRope:
		for i := range out {
			out[i] *= s.Factor
		}
	case DynamicRope:
		copy(out, unscaledPeriods(s.grownBase(base, 2*len(out), length), len(out)))
	case YarnRope:
		s.yarn(out, base)
	case LongRope:
		slow := s.ShortFactors
		if length > s.OriginalContext {
			slow = s.LongFactors
		}
		for i := range out {
			out[i] *= slow[i]
		}
	case Llama3Rope:
		for i := range out {
			out[i] = s.llama3(out[i])
		}
	}
	return out
}

// unscaledPeriods are base^(i/pairs).
func unscaledPeriods(base float64, pairs int) []float64 {
	out := make([]float64, pairs)
	for i := range out {
		out[i] = math.Pow(base, float64(i)/float64(pairs))
	}
	return out
}

// grownBase is dynamic scaling's base for a text of a length: such that the slowest pair turns as
// far as Factor asks.
func (s *RopeScaling) grownBase(base float64, dim, length int) float64 {
	if length <= s.OriginalContext {
		return base
	}
	longer := s.Factor*float64(length)/float64(s.OriginalContext) - (s.Factor - 1)
	return base * math.Pow(longer, float64(dim)/float64(dim-2))
}

// yarn slows the pairs above the ramp, keeps those below it and mixes the frequencies of those on
// it.
func (s *RopeScaling) yarn(periods []float64, base float64) {
	dim := float64(2 * len(periods))
	pairOf := func(turns float64) float64 { // which pair turns so often in the original context
		return dim * math.Log(float64(s.OriginalContext)/(turns*2*math.Pi)) / (2 * math.Log(base))
	}
	low, high := pairOf(s.BetaFast), pairOf(s.BetaSlow)
	if s.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, dim-1)
	if low == high {
		high += 0.001 // as in the source: no division by zero
	}
	for i, period := range periods {
		slowed := min(max((float64(i)-low)/(high-low), 0), 1)
		periods[i] = 1 / (slowed/(s.Factor*period) + (1-slowed)/period)
	}
}

func (s *RopeScaling) llama3(period float64) float64 {
	wavelength := 2 * math.Pi * period
	context := float64(s.OriginalContext)
	switch {
	case wavelength > context/s.LowFreqFactor:
		return period * s.Factor
	case wavelength < context/s.HighFreqFactor:
		return period
	}
	smooth := (context/wavelength - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
	return 1 / ((1-smooth)/(period*s.Factor) + smooth/period)
}
