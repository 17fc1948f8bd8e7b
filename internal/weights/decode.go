package weights

import (
	"encoding/binary"
	"math"

	"github.com/gomlx/compute/dtypes/float16"
)

// The decoders of plain types. Each fills dst from len(dst) little-endian values.

// floatsF64 rounds to nearest, and to infinity beyond the range of float32.
func floatsF64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

// floatsF32 is what most checkpoints need, so it must cost no more than the copy.
func floatsF32(dst []float32, src []byte) {
	if view, ok := viewFloats(src); ok { // a memory copy where the machine allows it
		copy(dst, view)
		return
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

// halves holds the value of each of the 65536 float16 bit patterns: looking up is
// several times faster than taking the exponent apart.
var halves = func() (table [1 << 16]float32) {
	for bits := range table {
		table[bits] = float16.FromBits(uint16(bits)).Float32()
	}
	return table
}()

// floatsF16 looks each value up.
func floatsF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = half(src[2*i:])
	}
}

// half reads one float16.
func half(src []byte) float32 { return halves[binary.LittleEndian.Uint16(src)] }

// floatsBF16 widens: a bfloat16 is the upper half of a float32.
func floatsBF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:2*i+2])) << 16)
	}
}

// load reads whole number i of a slice of bytes.
type load func(src []byte, i int) int64

// Conversions to the signed type of the same width carry the sign along. Values of
// uint64 above the largest int64 wrap: nothing in a checkpoint counts that far.

func loadI64(src []byte, i int) int64 { return int64(binary.LittleEndian.Uint64(src[8*i:])) }
func loadI32(src []byte, i int) int64 { return int64(int32(binary.LittleEndian.Uint32(src[4*i:]))) }
func loadI16(src []byte, i int) int64 { return int64(int16(binary.LittleEndian.Uint16(src[2*i:]))) }
func loadI8(src []byte, i int) int64  { return int64(int8(src[i])) }
func loadU64(src []byte, i int) int64 { return int64(binary.LittleEndian.Uint64(src[8*i:])) }
func loadU32(src []byte, i int) int64 { return int64(binary.LittleEndian.Uint32(src[4*i:])) }
func loadU16(src []byte, i int) int64 { return int64(binary.LittleEndian.Uint16(src[2*i:])) }
func loadU8(src []byte, i int) int64  { return int64(src[i]) }

// loadBool takes any byte but zero for true, as C does.
func loadBool(src []byte, i int) int64 {
	if src[i] != 0 {
		return 1
	}
	return 0
}

// intsOf and floatsOf make decoders from a load: whole numbers are rare in
// checkpoints and small (masks, positions), so short code beats fast code here.
func intsOf(at load) func([]int64, []byte) {
	return func(dst []int64, src []byte) {
		for i := range dst {
			dst[i] = at(src, i)
		}
	}
}

func floatsOf(at load) func([]float32, []byte) {
	return func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = float32(at(src, i))
		}
	}
}
