package weights

import "math"

// The ternary quants: 256 values that are -1, 0 or 1, and a scale.

// decodeTQ1_0: 32 and 16 bytes of five digits to the base of three, 4 bytes of four, scale. A byte
// is a fraction 0.abcde to that base, in 256ths: times three it carries its first digit.
func decodeTQ1_0(x []float32, b []byte) {
	d := half(b[52:])
	for _, part := range []struct {
		packed []byte
		digits int
	}{{b[:32], 5}, {b[32:48], 5}, {b[48:52], 4}} {
		power := byte(1)
		for range part.digits {
			for j, q := range part.packed {
				x[j] = d * float32(int(uint16(q*power)*3>>8)-1)
			}
			x = x[len(part.packed):]
			power *= 3
		}
	}
}

// decodeTQ2_0: 64 bytes of 2-bit values, one more than they stand for, 32 bytes for 128 of them;
// scale.
func decodeTQ2_0(x []float32, b []byte) {
	d := half(b[64:])
	for run := range 8 {
		out := x[32*run : 32*run+32]
		for j, q := range b[run/4*32:][:32] {
			out[j] = d * float32(int(q>>(run%4*2)&3)-1)
		}
	}
}

// The floats of four bits (Open Compute Project 2023): one bit of sign, two of exponent, one of
// mantissa.

// fp4 are their sixteen values, doubled; -0 is 0 in ggml.
var fp4 = [16]float32{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

// decodeMXFP4: an exponent for all, 16 bytes as in q4_0.
func decodeMXFP4(x []float32, b []byte) { tabled(x, powerOfTwo(b[0]), &fp4, b[1:17]) }

// powerOfTwo is half of two to the power of e-127: the table that it scales is doubled.
func powerOfTwo(e byte) float32 { return float32(math.Ldexp(1, int(e)-128)) }

// decodeNVFP4: 4 scales of eight bits, and for each 16 values 8 bytes as in q4_0.
func decodeNVFP4(x []float32, b []byte) {
	for g, scale := range b[:4] {
		tabled(x[16*g:], nvScales[scale], &fp4, b[4+8*g:12+8*g])
	}
}

// nvScales are half of the floats of four bits of exponent, from the seventh negative power of two
// on, and three of mantissa. The upper bit is not looked at, and the largest is 0, as in ggml.
var nvScales = func() (table [256]float32) {
	for i := range table {
		exponent, mantissa := i>>3&15, float64(i&7)
		switch {
		case i == 0x7f:
		case exponent == 0:
			table[i] = float32(math.Ldexp(mantissa, -10))
		default:
			table[i] = float32(math.Ldexp(8+mantissa, exponent-11))
		}
	}
	return table
}()
