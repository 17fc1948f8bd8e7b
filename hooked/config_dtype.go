package hooked

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/brief"
)

// A DType is the precision of a model's weights and activations. With 16 bits weights take half the
// memory, and activations are rounded wherever there is a site, but for norms' scales, attention
// scores and patterns, which stay in float32 as in TransformerLens; sums are in float32. Whatever
// is read from a model is float32. XLA may leave out a rounding inside a step that it fuses, so its
// activations can be more precise than the type says.
type DType string

// The precisions.
const (
	F32  DType = "float32"
	BF16 DType = "bfloat16" // the range of float32 with 8 significant bits
	F16  DType = "float16"  // 11 significant bits up to 65504
)

var deviceTypes = map[DType]dtypes.DType{F32: dtypes.Float32, BF16: dtypes.BFloat16, F16: dtypes.Float16}

// onDevice is GoMLX's name of the precision.
func (d DType) onDevice() dtypes.DType {
	if d == "" {
		return dtypes.Float32
	}
	return deviceTypes[d]
}

// halved reports whether numbers have 16 bits.
func (d DType) halved() bool { return d.onDevice() != dtypes.Float32 }

// flat is data in the precision, as a slice that a backend takes.
func (d DType) flat(data []float32) (any, error) {
	switch d.onDevice() {
	case dtypes.Float32:
		return data, nil
	case dtypes.BFloat16:
		return rounded(data, bfloat16.FromFloat32), nil
	case dtypes.Float16:
		return rounded(data, float16.FromFloat32), nil
	}
	return nil, brief.Errorf("unknown DType %q; known: %s, %s, %s", d, F32, BF16, F16)
}

func rounded[T any](data []float32, round func(float32) T) []T {
	out := make([]T, len(data))
	for i, v := range data {
		out[i] = round(v)
	}
	return out
}

// wide is x in float32.
func wide(x *Node) *Node {
	if x.DType() == dtypes.Float32 {
		return x
	}
	return ConvertDType(x, dtypes.Float32)
}

// widened is a tensor in float32.
func (e *engine) widened(t *tensors.Tensor) (out *tensors.Tensor, err error) {
	err = Try(func() { out = e.eager("wide", func(in []*Node) *Node { return wide(in[0]) }, t) })
	return out, err
}

// roundedAt is the activation x of a site, rounded to the model's precision.
func (b *builder) roundedAt(s Site, x *Node) *Node {
	if !b.cfg.DType.halved() || x.DType() != dtypes.Float32 || s.has(inFloat32) {
		return x
	}
	return wide(ConvertDType(x, b.cfg.DType.onDevice()))
}
