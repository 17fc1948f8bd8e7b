package weights

import (
	"math"
	"sync"
)

// The floats of eight bits (Micikevicius et al. 2022, arXiv 2209.05433) as safetensors and torch
// name them: the numbers of bits of exponent and mantissa. FN has no infinities, FNUZ neither these
// nor a negative zero. E8M0 is a power of two alone, as blocks are scaled with (Open Compute
// Project 2023).
const (
	F8_E4M3     DType = "F8_E4M3" // FN
	F8_E5M2     DType = "F8_E5M2"
	F8_E4M3FNUZ DType = "F8_E4M3FNUZ"
	F8_E5M2FNUZ DType = "F8_E5M2FNUZ"
	F8_E8M0     DType = "F8_E8M0"
)

// IsFloat8 reports whether d is one of the floats of eight bits that hold weights.
func (d DType) IsFloat8() bool {
	switch d {
	case F8_E4M3, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ:
		return true
	}
	return false
}

// bytewise makes a layout of what each byte stands for; its table is made when it is first read by.
func bytewise(value func(b byte) float64) layout {
	of := sync.OnceValue(func() *[256]float32 {
		var table [256]float32
		for b := range table {
			table[b] = float32(value(byte(b)))
		}
		return &table
	})
	return layout{block: 1, bytes: 1, floats: func(dst []float32, src []byte) {
		table := of()
		for i, b := range src[:len(dst)] {
			dst[i] = table[b]
		}
	}}
}

// float8 makes a layout of numbers with so many bits of mantissa, whose exponents are so much
// larger than they are, and whose special values another function knows.
func float8(mantissa, bias int, special func(b byte) (float64, bool)) layout {
	return bytewise(func(b byte) float64 {
		if v, ok := special(b); ok {
			return v
		}
		exponent, fraction := int(b&127>>mantissa), float64(b&(1<<mantissa-1))
		if exponent == 0 {
			exponent = 1
		} else {
			fraction += float64(int(1) << mantissa)
		}
		return math.Copysign(math.Ldexp(fraction, exponent-bias-mantissa), 1-float64(b>>7)*2)
	})
}

func specialE4M3(b byte) (float64, bool) { return math.NaN(), b&127 == 127 }

func specialE5M2(b byte) (float64, bool) {
	switch {
	case b&127 == 0x7c:
		return math.Inf(1 - int(b>>7)*2), true
	case b&127 > 0x7c:
		return math.NaN(), true
	}
	return 0, false
}

func specialFNUZ(b byte) (float64, bool) { return math.NaN(), b == 0x80 }

func float8E8M0(b byte) float64 {
	if b == 255 {
		return math.NaN()
	}
	return math.Ldexp(1, int(b)-127)
}
