package weights_test

import (
	"bytes"
	"fmt"
	"testing"

	"gopherlens/internal/weights"
)

// BenchmarkDecode decodes a tensor of 2^22 values of each type; bytes are those of
// the float32 result.
func BenchmarkDecode(b *testing.B) {
	const elements = 1 << 22
	fixture, err := weights.Open("testdata/types.gguf")
	if err != nil {
		b.Fatal(err)
	}
	defer fixture.Close()
	for _, kind := range []struct {
		dtype weights.DType
		ggml  uint32
	}{
		{weights.F32, 0}, {weights.F16, 1}, {weights.BF16, 30},
		{weights.Q4_0, 2}, {weights.Q4_1, 3}, {weights.Q5_0, 6}, {weights.Q5_1, 7}, {weights.Q8_0, 8},
		{weights.Q2_K, 10}, {weights.Q3_K, 11}, {weights.Q4_K, 12}, {weights.Q5_K, 13}, {weights.Q6_K, 14},
	} {
		b.Run(string(kind.dtype), func(b *testing.B) {
			small, err := fixture.Tensor(string(kind.dtype))
			if err != nil {
				b.Fatal(err)
			}
			copies := elements / small.Size()
			data := bytes.Repeat(small.Raw(), copies)
			info := ggufInfo{"w", []uint64{uint64(small.Size()), uint64(copies)}, kind.ggml, 0}
			path := writeFile(b, fmt.Sprintf("%s.gguf", kind.dtype), ggufFile(nil, []ggufInfo{info}, data))
			f, err := weights.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			x, err := f.Tensor("w")
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]float32, x.Size())
			b.SetBytes(int64(4 * len(dst)))
			for b.Loop() {
				if err := x.Float32sInto(dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
