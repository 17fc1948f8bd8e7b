package weights

import (
	"maps"
	"slices"
	"strings"
)

// DType is how a tensor's values are stored, spelled as safetensors and ggml spell it.
type DType string

// The stored types that this package decodes.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"

	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// layout says how values of a type lie in memory: in blocks of so many elements
// and so many bytes (one element for plain types, 32 or 256 for quantised ones).
type layout struct {
	block  int // elements in a block
	bytes  int // bytes in a block
	floats func(dst []float32, src []byte)
	ints   func(dst []int64, src []byte) // nil for types that are not whole numbers
}

// layouts is everything that this package knows about the stored types.
var layouts = map[DType]layout{
	F64:  {1, 8, floatsF64, nil},
	F32:  {1, 4, floatsF32, nil},
	F16:  {1, 2, floatsF16, nil},
	BF16: {1, 2, floatsBF16, nil},

	I64:  {1, 8, floatsOf(loadI64), intsOf(loadI64)},
	I32:  {1, 4, floatsOf(loadI32), intsOf(loadI32)},
	I16:  {1, 2, floatsOf(loadI16), intsOf(loadI16)},
	I8:   {1, 1, floatsOf(loadI8), intsOf(loadI8)},
	U64:  {1, 8, floatsOf(loadU64), intsOf(loadU64)},
	U32:  {1, 4, floatsOf(loadU32), intsOf(loadU32)},
	U16:  {1, 2, floatsOf(loadU16), intsOf(loadU16)},
	U8:   {1, 1, floatsOf(loadU8), intsOf(loadU8)},
	Bool: {1, 1, floatsOf(loadBool), intsOf(loadBool)},

	F8_E4M3:     float8(3, 7, specialE4M3),
	F8_E5M2:     float8(2, 15, specialE5M2),
	F8_E4M3FNUZ: float8(3, 8, specialFNUZ),
	F8_E5M2FNUZ: float8(2, 16, specialFNUZ),
	F8_E8M0:     bytewise(float8E8M0),

	Q4_0: blockwise(32, 18, decodeQ4_0),
	Q4_1: blockwise(32, 20, decodeQ4_1),
	Q5_0: blockwise(32, 22, decodeQ5_0),
	Q5_1: blockwise(32, 24, decodeQ5_1),
	Q8_0: blockwise(32, 34, decodeQ8_0),
	Q2_K: blockwise(256, 84, decodeQ2_K),
	Q3_K: blockwise(256, 110, decodeQ3_K),
	Q4_K: blockwise(256, 144, decodeQ4_K),
	Q5_K: blockwise(256, 176, decodeQ5_K),
	Q6_K: blockwise(256, 210, decodeQ6_K),

	IQ1_S:   blockwise(256, 50, decodeIQ1_S),
	IQ1_M:   blockwise(256, 56, decodeIQ1_M),
	IQ2_XXS: blockwise(256, 66, decodeIQ2_XXS),
	IQ2_XS:  blockwise(256, 74, decodeIQ2_XS),
	IQ2_S:   blockwise(256, 82, decodeIQ2_S),
	IQ3_XXS: blockwise(256, 98, decodeIQ3_XXS),
	IQ3_S:   blockwise(256, 110, decodeIQ3_S),
	IQ4_NL:  blockwise(32, 18, decodeIQ4_NL),
	IQ4_XS:  blockwise(256, 136, decodeIQ4_XS),
	TQ1_0:   blockwise(256, 54, decodeTQ1_0),
	TQ2_0:   blockwise(256, 66, decodeTQ2_0),
	MXFP4:   blockwise(32, 17, decodeMXFP4),
	NVFP4:   blockwise(64, 36, decodeNVFP4),
}

// known lists the types for error messages.
func known() string {
	names := make([]string, 0, len(layouts))
	for _, d := range slices.Sorted(maps.Keys(layouts)) {
		names = append(names, string(d))
	}
	return strings.Join(names, ", ")
}
