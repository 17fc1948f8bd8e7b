package hooked

import (
	"math"
	"strings"

	"gopherlens/internal/brief"
)

// MXFP4 (Open Compute Project 2023) stores 32 numbers of four bits with a power of two that all are
// multiplied by. In gpt-oss' files a matrix [expert, in, out] lies transposed as two tensors of
// bytes: NAME_blocks [expert, out, in/32, 16], the number of the low half of a byte first, and
// NAME_scales [expert, out, in/32], exponents plus 127.
const (
	blocksSuffix = "_blocks"
	scalesSuffix = "_scales"
	mxfp4Bias    = 127
)

// mxfp4Values are the sixteen numbers of four bits.
var mxfp4Values = [16]float32{0, 0.5, 1, 1.5, 2, 3, 4, 6, float32(math.Copysign(0, -1)), -0.5, -1, -1.5, -2, -3, -4, -6}

// unpacked is the base of the name of a tensor of blocks or scales, if the other one is there too.
func (s *source) unpacked(name string) (base string, ok bool) {
	for _, ends := range [][2]string{{blocksSuffix, scalesSuffix}, {scalesSuffix, blocksSuffix}} {
		if base, is := strings.CutSuffix(name, ends[0]); is {
			_, err := s.file.Tensor(base + ends[1])
			return base, err == nil
		}
	}
	return "", false
}

// readPacked gives the matrices that blocks and scales stand for.
func (s *source) readPacked(name string) (*Array, error) {
	blocks, err := s.file.Tensor(name + blocksSuffix)
	if err != nil {
		return nil, err
	}
	scales, err := s.file.Tensor(name + scalesSuffix)
	if err != nil {
		return nil, err
	}
	shape, packed, exponents := blocks.Shape, blocks.Raw(), scales.Raw()
	if len(shape) != 4 || shape[3] != 16 || len(scales.Shape) != 3 || len(packed) != sizeOf(shape) || len(exponents)*16 != len(packed) {
		return nil, brief.Errorf("tensor %q: blocks %s of shape %v and scales %s of shape %v are no MXFP4", name, blocks.DType, shape, scales.DType, scales.Shape)
	}
	experts, out, in := shape[0], shape[1], shape[2]*32
	a := NewArray(experts, in, out)
	for row := range experts * out {
		e, o := row/out, row%out
		for i := range in / 2 {
			b := packed[row*in/2+i]
			scale := math.Ldexp(1, int(exponents[(row*in+2*i)/32])-mxfp4Bias)
			to := (e*in+2*i)*out + o
			a.Data[to] = float32(float64(mxfp4Values[b&15]) * scale)
			a.Data[to+out] = float32(float64(mxfp4Values[b>>4]) * scale)
		}
	}
	return a, a.finite()
}
