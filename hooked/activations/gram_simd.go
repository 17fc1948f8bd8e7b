//go:build goexperiment.simd && amd64

package activations

import "simd/archsimd"

var hasAVX2, hasAVX512 = archsimd.X86.AVX2(), archsimd.X86.AVX512()

// addTile is addTilePlain with several columns in a register: the same products and sums, each
// rounded as there.
func addTile(tile, a, b []float64) {
	switch {
	case hasAVX512:
		for i := 0; i < panelWidth; i += 4 {
			addRows512((*[4 * panelWidth]float64)(tile[i*panelWidth:]), a[i:], b)
		}
	case hasAVX2:
		for i := 0; i < panelWidth; i += 4 {
			for j := 0; j < panelWidth; j += 8 {
				addRows256((*[3*panelWidth + 8]float64)(tile[i*panelWidth+j:]), a[i:], b[j:])
			}
		}
	default:
		addTilePlain(tile, a, b)
		return
	}
	archsimd.ClearAVXUpperBits() // else others wait for the halves of registers, see backend.WithoutFMA
}

// addRows512 adds to four rows of a tile; a begins at the first of them.
func addRows512(tile *[4 * panelWidth]float64, a, b []float64) {
	var s00, s01, s10, s11, s20, s21, s30, s31 archsimd.Float64x8
	for r := 0; r+16 <= len(b) && r+4 <= len(a); r += panelWidth {
		from, to := (*[4]float64)(a[r:]), (*[16]float64)(b[r:])
		left := archsimd.LoadFloat64x8((*[8]float64)(to[:]))
		right := archsimd.LoadFloat64x8((*[8]float64)(to[8:]))
		x := archsimd.BroadcastFloat64x8(from[0])
		s00, s01 = s00.Add(x.Mul(left)), s01.Add(x.Mul(right))
		x = archsimd.BroadcastFloat64x8(from[1])
		s10, s11 = s10.Add(x.Mul(left)), s11.Add(x.Mul(right))
		x = archsimd.BroadcastFloat64x8(from[2])
		s20, s21 = s20.Add(x.Mul(left)), s21.Add(x.Mul(right))
		x = archsimd.BroadcastFloat64x8(from[3])
		s30, s31 = s30.Add(x.Mul(left)), s31.Add(x.Mul(right))
	}
	add512((*[8]float64)(tile[0:]), s00)
	add512((*[8]float64)(tile[8:]), s01)
	add512((*[8]float64)(tile[1*panelWidth:]), s10)
	add512((*[8]float64)(tile[1*panelWidth+8:]), s11)
	add512((*[8]float64)(tile[2*panelWidth:]), s20)
	add512((*[8]float64)(tile[2*panelWidth+8:]), s21)
	add512((*[8]float64)(tile[3*panelWidth:]), s30)
	add512((*[8]float64)(tile[3*panelWidth+8:]), s31)
}

func add512(to *[8]float64, s archsimd.Float64x8) { archsimd.LoadFloat64x8(to).Add(s).Store(to) }

// addRows256 adds to eight columns of four rows of a tile; a and b begin at the first of them.
func addRows256(tile *[3*panelWidth + 8]float64, a, b []float64) {
	var s00, s01, s10, s11, s20, s21, s30, s31 archsimd.Float64x4
	for r := 0; r+8 <= len(b) && r+4 <= len(a); r += panelWidth {
		from, to := (*[4]float64)(a[r:]), (*[8]float64)(b[r:])
		left := archsimd.LoadFloat64x4((*[4]float64)(to[:]))
		right := archsimd.LoadFloat64x4((*[4]float64)(to[4:]))
		x := archsimd.BroadcastFloat64x4(from[0])
		s00, s01 = s00.Add(x.Mul(left)), s01.Add(x.Mul(right))
		x = archsimd.BroadcastFloat64x4(from[1])
		s10, s11 = s10.Add(x.Mul(left)), s11.Add(x.Mul(right))
		x = archsimd.BroadcastFloat64x4(from[2])
		s20, s21 = s20.Add(x.Mul(left)), s21.Add(x.Mul(right))
		x = archsimd.BroadcastFloat64x4(from[3])
		s30, s31 = s30.Add(x.Mul(left)), s31.Add(x.Mul(right))
	}
	add256((*[4]float64)(tile[0:]), s00)
	add256((*[4]float64)(tile[4:]), s01)
	add256((*[4]float64)(tile[1*panelWidth:]), s10)
	add256((*[4]float64)(tile[1*panelWidth+4:]), s11)
	add256((*[4]float64)(tile[2*panelWidth:]), s20)
	add256((*[4]float64)(tile[2*panelWidth+4:]), s21)
	add256((*[4]float64)(tile[3*panelWidth:]), s30)
	add256((*[4]float64)(tile[3*panelWidth+4:]), s31)
}

func add256(to *[4]float64, s archsimd.Float64x4) { archsimd.LoadFloat64x4(to).Add(s).Store(to) }
