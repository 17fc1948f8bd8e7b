package weights

// The k-quants: super-blocks of 256 values in groups of 16 (q2_K, q3_K, q6_K) or
// 32 (q4_K, q5_K), each group with a whole-number scale of its own.

// decodeQ2_K: 16 bytes of group scales (low half) and minima (high half), 64 bytes
// of 2-bit values, scale, scale of the minima.
func decodeQ2_K(x []float32, b []byte) {
	scales, values := b[:16], b[16:80]
	d, dmin := half(b[80:]), half(b[82:])
	for g, s := range scales {
		scale, minimum := d*float32(s&15), dmin*float32(s>>4)
		shift := g / 2 % 4 * 2
		out := x[16*g : 16*g+16]
		for l, q := range twoBits(values, g) {
			out[l] = float32(scale*float32(q>>shift&3)) - minimum
		}
	}
}

// twoBits returns the 16 bytes that hold the 2-bit values of group g: 32 bytes
// serve eight groups, two side by side in each of their four pairs of bits.
func twoBits(values []byte, g int) []byte {
	at := g/8*32 + g%2*16
	return values[at : at+16]
}

// decodeQ3_K: 32 bytes of third bits (bit g/2 of byte l for the pair of groups g/2),
// 64 bytes of 2-bit values as in q2_K, 12 bytes of 6-bit scales, scale. A third bit
// that is clear takes 4 away.
func decodeQ3_K(x []float32, b []byte) {
	third, values, scales, d := b[:32], b[32:96], b[96:108], half(b[108:])
	for g := range 16 {
		scale := d * float32(scaleQ3_K(scales, g)-32)
		shift := g / 2 % 4 * 2
		high := third[g%2*16:][:16]
		out := x[16*g : 16*g+16]
		for l, q := range twoBits(values, g) {
			out[l] = scale * float32(int(q>>shift&3|high[l]>>(g/2)&1<<2)-4)
		}
	}
}

// scaleQ3_K unpacks the 6-bit scale of group g: four low bits in the halves of the
// first 8 bytes, two high bits in the last 4.
func scaleQ3_K(scales []byte, g int) int {
	low := scales[g%8] >> (g / 8 * 4) & 15
	high := scales[8+g%4] >> (g / 4 * 2) & 3
	return int(low | high<<4)
}

// decodeQ4_K: scale, scale of the minima, 12 bytes of 6-bit group scales and
// minima, 128 bytes of 4-bit values: 32 bytes hold two groups, low halves first.
func decodeQ4_K(x []float32, b []byte) {
	d, dmin, packed, values := half(b), half(b[2:]), b[4:16], b[16:144]
	for g := range 8 {
		s, m := scaleMin(packed, g)
		scale, minimum := d*float32(s), dmin*float32(m)
		shift := g % 2 * 4
		out := x[32*g : 32*g+32]
		for l, q := range values[g/2*32 : g/2*32+32] {
			out[l] = float32(scale*float32(q>>shift&15)) - minimum
		}
	}
}

// decodeQ5_K: as q4_K, with 32 bytes of fifth bits (bit g of byte l) before the values.
func decodeQ5_K(x []float32, b []byte) {
	d, dmin, packed, fifth, values := half(b), half(b[2:]), b[4:16], b[16:48], b[48:176]
	for g := range 8 {
		s, m := scaleMin(packed, g)
		scale, minimum := d*float32(s), dmin*float32(m)
		shift := g % 2 * 4
		out := x[32*g : 32*g+32]
		for l, q := range values[g/2*32 : g/2*32+32] {
			out[l] = float32(scale*float32(q>>shift&15|fifth[l]>>g&1<<4)) - minimum
		}
	}
}

// scaleMin unpacks the 6-bit scale and minimum of group g of q4_K and q5_K. The
// first four groups lie in the low 6 bits of bytes 0-3 and 4-7; the others in the
// halves of bytes 8-11, with their two high bits atop bytes 0-3 and 4-7.
func scaleMin(packed []byte, g int) (scale, minimum byte) {
	if g < 4 {
		return packed[g] & 63, packed[g+4] & 63
	}
	return packed[g+4]&15 | packed[g-4]>>6<<4, packed[g+4]>>4 | packed[g]>>6<<4
}

// decodeQ6_K: 128 bytes of low halves, 64 bytes of high pairs of bits, 16 signed
// group scales, scale. Each half of the block holds four runs of 32 values: two in
// the low halves of 64 bytes, then two in their high halves.
func decodeQ6_K(x []float32, b []byte) {
	low, high, scales, d := b[:128], b[128:192], b[192:208], half(b[208:])
	for g := range 16 { // groups of 16: two a run
		block, run := g/8, g/2%4
		scale := d * float32(int8(scales[g]))
		lows := low[block*64+run%2*32+g%2*16:][:16]
		highs := high[block*32+g%2*16:][:16]
		out := x[16*g : 16*g+16]
		for l, q := range lows {
			out[l] = scale * float32(int(q>>(run/2*4)&15|highs[l]>>(run*2)&3<<4)-32)
		}
	}
}
