package weights

import "encoding/binary"

// The stored types of ggml (ggml.h, enum ggml_type; ggml-common.h for the layouts).
// A quantised tensor is rows of blocks, and a block holds a few scales beside the
// small whole numbers that they scale.

// The quantised types. In Qn_0 a value is scale * q with q centred on zero; in
// Qn_1 it is scale * q + minimum; in Qn_K ("k-quants") 256 values share a float16
// scale, and groups of 16 or 32 of them a small whole-number scale on top of it. In
// IQn ("i-quants") q is looked up in a table, in TQn it is -1, 0 or 1, and in MXFP4 and
// NVFP4 a float of four bits.
const (
	Q4_0 DType = "Q4_0"
	Q4_1 DType = "Q4_1"
	Q5_0 DType = "Q5_0"
	Q5_1 DType = "Q5_1"
	Q8_0 DType = "Q8_0"

	Q2_K DType = "Q2_K"
	Q3_K DType = "Q3_K"
	Q4_K DType = "Q4_K"
	Q5_K DType = "Q5_K"
	Q6_K DType = "Q6_K"

	IQ1_S   DType = "IQ1_S"
	IQ1_M   DType = "IQ1_M"
	IQ2_XXS DType = "IQ2_XXS"
	IQ2_XS  DType = "IQ2_XS"
	IQ2_S   DType = "IQ2_S"
	IQ3_XXS DType = "IQ3_XXS"
	IQ3_S   DType = "IQ3_S"
	IQ4_NL  DType = "IQ4_NL"
	IQ4_XS  DType = "IQ4_XS"

	TQ1_0 DType = "TQ1_0"
	TQ2_0 DType = "TQ2_0"
	MXFP4 DType = "MXFP4"
	NVFP4 DType = "NVFP4"
)

// ggmlTypes gives the numbers that GGUF files use. Those without a layout are
// named only for the error message: ggml has taken some away again, and has some for
// results of its own.
var ggmlTypes = map[uint32]DType{
	0: F32, 1: F16, 2: Q4_0, 3: Q4_1, 4: "Q4_2", 5: "Q4_3", 6: Q5_0, 7: Q5_1, 8: Q8_0, 9: "Q8_1",
	10: Q2_K, 11: Q3_K, 12: Q4_K, 13: Q5_K, 14: Q6_K, 15: "Q8_K",
	16: IQ2_XXS, 17: IQ2_XS, 18: IQ3_XXS, 19: IQ1_S, 20: IQ4_NL, 21: IQ3_S, 22: IQ2_S, 23: IQ4_XS,
	24: I8, 25: I16, 26: I32, 27: I64, 28: F64, 29: IQ1_M, 30: BF16,
	31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 34: TQ1_0, 35: TQ2_0,
	36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8", 39: MXFP4, 40: NVFP4, 41: "Q1_0",
}

// blockwise makes a decoder of a function that decodes one block.
func blockwise(elements, bytes int, decode func(x []float32, b []byte)) layout {
	return layout{block: elements, bytes: bytes, floats: func(dst []float32, src []byte) {
		for len(dst) > 0 {
			decode(dst[:elements:elements], src[:bytes:bytes])
			dst, src = dst[elements:], src[bytes:]
		}
	}}
}

// Products are rounded before they are added (the float32 conversions say so), as
// in ggml: otherwise a machine with fused multiply-add gives other last bits.

// The arrays of fixed length spare the compiler a check of every index.

// decodeQ4_0: scale, 16 bytes. Byte j holds value j (low half) and j+16 (high half).
func decodeQ4_0(x []float32, b []byte) {
	d, low, high := half(b), (*[16]float32)(x), (*[16]float32)(x[16:])
	for j, q := range (*[16]byte)(b[2:]) {
		low[j] = d * float32(int32(q&15)-8)
		high[j] = d * float32(int32(q>>4)-8)
	}
}

// decodeQ4_1: scale, minimum, 16 bytes as in q4_0.
func decodeQ4_1(x []float32, b []byte) {
	d, m, low, high := half(b), half(b[2:]), (*[16]float32)(x), (*[16]float32)(x[16:])
	for j, q := range (*[16]byte)(b[4:]) {
		low[j] = float32(d*float32(int32(q&15))) + m
		high[j] = float32(d*float32(int32(q>>4))) + m
	}
}

// decodeQ5_0: scale, 32 fifth bits (bit i is value i's), 16 bytes as in q4_0.
func decodeQ5_0(x []float32, b []byte) {
	d, low, high := half(b), (*[16]float32)(x), (*[16]float32)(x[16:])
	fifth := binary.LittleEndian.Uint32(b[2:])
	for j, q := range (*[16]byte)(b[6:]) {
		low[j] = d * float32((int32(q&15)|int32(fifth>>j&1)<<4)-16)
		high[j] = d * float32((int32(q>>4)|int32(fifth>>(j+16)&1)<<4)-16)
	}
}

// decodeQ5_1: scale, minimum, fifth bits and 16 bytes as in q5_0.
func decodeQ5_1(x []float32, b []byte) {
	d, m, low, high := half(b), half(b[2:]), (*[16]float32)(x), (*[16]float32)(x[16:])
	fifth := binary.LittleEndian.Uint32(b[4:])
	for j, q := range (*[16]byte)(b[8:]) {
		low[j] = float32(d*float32(int32(q&15)|int32(fifth>>j&1)<<4)) + m
		high[j] = float32(d*float32(int32(q>>4)|int32(fifth>>(j+16)&1)<<4)) + m
	}
}

// decodeQ8_0: scale, 32 signed bytes.
func decodeQ8_0(x []float32, b []byte) {
	d, out := half(b), (*[32]float32)(x)
	for j, q := range (*[32]byte)(b[2:]) {
		out[j] = d * float32(int8(q))
	}
}
