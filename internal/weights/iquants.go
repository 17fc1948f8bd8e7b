package weights

import (
	"encoding/binary"
	"encoding/hex"
	"sync"
)

// The i-quants: super-blocks of 256 values in which an index stands for four or eight values of a
// table, up to their signs. Each group of 16 or 32 values has a whole-number scale of its own.
// (IQ4_NL and IQ4_XS have a table of single values.)

// A grid is a table of the i-quants: its entries of width values lie one after the other.
type grid []float32

// newGrid is a table that is unpacked when it is first asked for: few processes read i-quants.
func newGrid(digits string, values ...float32) func() grid {
	return sync.OnceValue(func() grid { return unpackedGrid(digits, values) })
}

// unpackedGrid unpacks a table of hexadecimal digits: in each byte lie as many indices into values
// as fit, the first in the lowest bits.
func unpackedGrid(digits string, values []float32) grid {
	packed, err := hex.DecodeString(digits)
	if err != nil {
		panic(err) // the table is in this package
	}
	bits := 2
	if len(values) > 4 {
		bits = 4
	}
	table := make(grid, 0, len(packed)*8/bits)
	for _, b := range packed {
		for range 8 / bits {
			table = append(table, values[int(b)&(1<<bits-1)])
			b >>= bits
		}
	}
	return table
}

var (
	iq2xxs = newGrid(iq2xxsHex, 8, 25, 43)
	iq2xs  = newGrid(iq2xsHex, 8, 25, 43)
	iq2s   = newGrid(iq2sHex, 8, 25, 43)
	iq3xxs = newGrid(iq3xxsHex, 4, 12, 20, 28, 36, 44, 52, 62)
	iq3s   = newGrid(iq3sHex, 1, 3, 5, 7, 9, 11, 13, 15)
	iq1s   = newGrid(iq1sHex, -1, 0, 1)
)

// eight and four are entries of a grid.

func (g grid) eight(i int) []float32 { return g[8*i : 8*i+8] }
func (g grid) four(i int) []float32  { return g[4*i : 4*i+4] }

// evenSigns completes seven sign bits by an eighth, so that their number is even.
var evenSigns = func() (table [128]byte) {
	for i := range table {
		parity := byte(i)
		for _, by := range []int{4, 2, 1} {
			parity ^= parity >> by
		}
		table[i] = byte(i) | parity<<7
	}
	return table
}()

// signed fills out with values times a scale; bit j of signs, from the bit first on, turns value
// j's sign.
func signed(out []float32, scale float32, values []float32, signs byte, first int) {
	for j, v := range values {
		out[j] = scale * v
		if signs>>(first+j)&1 != 0 {
			out[j] = -out[j]
		}
	}
}

// decodeIQ2_XXS: scale, then for each 32 values two words: four bytes of indices; four times seven
// signs and a scale of four bits.
func decodeIQ2_XXS(x []float32, b []byte) {
	d := half(b)
	for g := range 8 {
		indices := b[2+8*g : 6+8*g]
		word := binary.LittleEndian.Uint32(b[6+8*g:])
		scale := d * (0.5 + float32(word>>28)) * 0.25
		for k, index := range indices {
			signed(x[32*g+8*k:], scale, iq2xxs().eight(int(index)), evenSigns[word>>(7*k)&127], 0)
		}
	}
}

// decodeIQ2_XS: scale, 32 words of an index of nine bits and seven signs, 8 bytes of scales of four
// bits, each for 16 values.
func decodeIQ2_XS(x []float32, b []byte) {
	d, scales := half(b), b[66:74]
	for k := range 32 {
		word := binary.LittleEndian.Uint16(b[2+2*k:])
		scale := d * (0.5 + float32(scales[k/4]>>(k/2%2*4)&15)) * 0.25
		signed(x[8*k:], scale, iq2xs().eight(int(word&511)), evenSigns[word>>9], 0)
	}
}

// decodeIQ2_S: scale, 32 low bytes of indices, 32 bytes of signs, 8 bytes of four pairs of high
// bits, 8 bytes of scales as in iq2_xs.
func decodeIQ2_S(x []float32, b []byte) {
	d, low, signs, high, scales := half(b), b[2:34], b[34:66], b[66:74], b[74:82]
	for k := range 32 {
		index := int(low[k]) | int(high[k/4]>>(k%4*2)&3)<<8
		scale := d * (0.5 + float32(scales[k/4]>>(k/2%2*4)&15)) * 0.25
		signed(x[8*k:], scale, iq2s().eight(index), signs[k], 0)
	}
}

// decodeIQ3_XXS: scale, 64 bytes of indices of four values, 8 words of signs and a scale as in
// iq2_xxs.
func decodeIQ3_XXS(x []float32, b []byte) {
	d, indices := half(b), b[2:66]
	for k, index := range indices {
		word := binary.LittleEndian.Uint32(b[66+k/8*4:])
		scale := d * (0.5 + float32(word>>28)) * 0.5
		signed(x[4*k:], scale, iq3xxs().four(int(index)), evenSigns[word>>(k/2%4*7)&127], k%2*4)
	}
}

// decodeIQ3_S: scale, 64 low bytes of indices of four values, 8 bytes of ninth bits, 32 bytes of
// signs, 4 bytes of scales of four bits, each for 32 values.
func decodeIQ3_S(x []float32, b []byte) {
	d, low, high, signs, scales := half(b), b[2:66], b[66:74], b[74:106], b[106:110]
	for k := range 64 {
		index := int(low[k]) | int(high[k/8]>>(k%8)&1)<<8
		scale := d * float32(1+2*(scales[k/16]>>(k/8%2*4)&15))
		signed(x[4*k:], scale, iq3s().four(index), signs[k/2], k%2*4)
	}
}

// iq1Delta is what the values of iq1 are moved by, up or down.
const iq1Delta = 0.125

// moved fills out with (value + delta) * scale.
func moved(out []float32, scale float32, values []float32, down bool) {
	delta := float32(iq1Delta)
	if down {
		delta = -delta
	}
	for j, v := range values {
		out[j] = scale * (v + delta)
	}
}

// decodeIQ1_S: scale, 32 low bytes of indices, 8 words, each of four times three high bits, a scale
// of three bits and whether the 32 values are moved down.
func decodeIQ1_S(x []float32, b []byte) {
	d, low := half(b), b[2:34]
	for k := range 32 {
		word := binary.LittleEndian.Uint16(b[34+k/4*2:])
		index := int(low[k]) | int(word>>(k%4*3)&7)<<8
		moved(x[8*k:], d*float32(2*(word>>12&7)+1), iq1s().eight(index), word>>15 != 0)
	}
}

// decodeIQ1_M: 32 low bytes of indices; 16 bytes of twice three high bits and whether the eight
// values are moved down; 4 words of four scales of three bits, each for 16 values, whose upper four
// bits together are the block's scale.
func decodeIQ1_M(x []float32, b []byte) {
	low, high := b[:32], b[32:48]
	var words [4]uint16
	var bits uint16
	for i := range words {
		words[i] = binary.LittleEndian.Uint16(b[48+2*i:])
		bits |= words[i] >> 12 << (4 * i)
	}
	d := halves[bits]
	for k := range 32 {
		top := high[k/2] >> (k % 2 * 4)
		index := int(low[k]) | int(top&7)<<8
		moved(x[8*k:], d*float32(2*(words[k/8]>>(k/2%4*3)&7)+1), iq1s().eight(index), top&8 != 0)
	}
}

// iq4 are the sixteen values of iq4_nl and iq4_xs.
var iq4 = [16]float32{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// decodeIQ4_NL: scale, 16 bytes as in q4_0.
func decodeIQ4_NL(x []float32, b []byte) { tabled(x, half(b), &iq4, b[2:18]) }

// tabled fills 2n values with those of a table: byte j holds value j (low half) and j+n (high
// half).
func tabled(x []float32, d float32, table *[16]float32, packed []byte) {
	low, high := x[:len(packed)], x[len(packed):2*len(packed)]
	for j, q := range packed {
		low[j] = d * table[q&15]
		high[j] = d * table[q>>4]
	}
}

// decodeIQ4_XS: scale, a word of eight pairs of high bits and 4 bytes of low halves of the scales
// of 32 values, and for each 32 of them 16 bytes as in iq4_nl.
func decodeIQ4_XS(x []float32, b []byte) {
	d, high, low := half(b), binary.LittleEndian.Uint16(b[2:]), b[4:8]
	for g := range 8 {
		scale := int(low[g/2]>>(g%2*4)&15) | int(high>>(2*g)&3)<<4
		tabled(x[32*g:], d*float32(scale-32), &iq4, b[8+16*g:24+16*g])
	}
}
