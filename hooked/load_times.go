package hooked

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"gopherlens/internal/brief"
)

// multiplied is the matrix a times another tensor of the checkpoint, as it lies or transposed: an
// embedding that is narrower than the residual stream becomes one of its width.
func (s *source) multiplied(a *Array, times string) (*Array, error) {
	by, err := s.readOne(s.names[times])
	if err != nil {
		return nil, err
	}
	if len(a.Shape) != 2 || len(by.Shape) != 2 || a.Shape[1] != by.Shape[0] && a.Shape[1] != by.Shape[1] {
		return nil, brief.Errorf("a tensor of shape %v is not multiplied by %q of shape %v", a.Shape, times, by.Shape)
	}
	general := func(a *Array) blas32.General {
		return blas32.General{Rows: a.Shape[0], Cols: a.Shape[1], Stride: a.Shape[1], Data: a.Data}
	}
	way, width := blas.NoTrans, by.Shape[1]
	if a.Shape[1] != by.Shape[0] {
		way, width = blas.Trans, by.Shape[0]
	}
	out := NewArray(a.Shape[0], width)
	blas32.Gemm(blas.NoTrans, way, 1, general(a), general(by), 0, general(out))
	return out, nil
}
