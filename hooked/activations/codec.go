package activations

import (
	"encoding/binary"
	"math"

	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"

	"gopherlens/hooked"
	"gopherlens/internal/weights"
)

// A codec makes bytes of values, little-endian, and values of bytes.
type codec struct {
	stored weights.DType
	size   int // bytes of a value
	// encode fills dst, and returns the place of the first value that is not finite as it is kept,
	// or -1
	encode func(dst []byte, src []float32) int
	decode func(dst []float32, src []byte)
}

var codecs = map[hooked.DType]codec{
	hooked.F32:  {weights.F32, 4, encodeF32, decodeF32},
	hooked.BF16: {weights.BF16, 2, encodeBF16, decodeBF16},
	hooked.F16:  {weights.F16, 2, encodeF16, decodeF16},
}

// The exponents of what is no finite number.
const (
	noneF32  = 0x7f800000
	noneBF16 = 0x7f80
	noneF16  = 0x7c00
)

func encodeF32(dst []byte, src []float32) int {
	dst = dst[:4*len(src)]
	bad := -1
	for i, v := range src {
		bits := math.Float32bits(v)
		if bits&noneF32 == noneF32 && bad < 0 {
			bad = i
		}
		binary.LittleEndian.PutUint32(dst[4*i:], bits)
	}
	return bad
}

func encodeBF16(dst []byte, src []float32) int {
	return encode16(dst, src, noneBF16, func(v float32) uint16 { return bfloat16.FromFloat32(v).Bits() })
}

func encodeF16(dst []byte, src []float32) int {
	return encode16(dst, src, noneF16, func(v float32) uint16 { return float16.FromFloat32(v).Bits() })
}

func encode16(dst []byte, src []float32, none uint16, bitsOf func(float32) uint16) int {
	dst = dst[:2*len(src)]
	bad := -1
	for i, v := range src {
		bits := bitsOf(v)
		if bits&none == none && bad < 0 {
			bad = i
		}
		binary.LittleEndian.PutUint16(dst[2*i:], bits)
	}
	return bad
}

func decodeF32(dst []float32, src []byte) {
	src = src[:4*len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func decodeBF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

func decodeF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = float16.FromBits(binary.LittleEndian.Uint16(src[2*i:])).Float32()
	}
}

// finite reports whether all encoded values are.
func (c codec) finite(raw []byte) bool {
	switch c.stored {
	case weights.F32:
		for ; len(raw) >= 4; raw = raw[4:] {
			if binary.LittleEndian.Uint32(raw)&noneF32 == noneF32 {
				return false
			}
		}
	case weights.BF16:
		return finite16(raw, noneBF16)
	case weights.F16:
		return finite16(raw, noneF16)
	}
	return true
}

func finite16(raw []byte, none uint16) bool {
	for ; len(raw) >= 2; raw = raw[2:] {
		if binary.LittleEndian.Uint16(raw)&none == none {
			return false
		}
	}
	return true
}
