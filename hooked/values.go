package hooked

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
)

// setValues uploads the run-time values of an intervention or a metric and names the graph inputs that hold them.
func (j *job) setValues(prefix string, values []any) (names []string, kinds []inputKind, err error) {
	for i, v := range values {
		name := fmt.Sprintf("%s.%d", prefix, i)
		kind, err := j.setValue(name, v)
		if err != nil {
			return nil, nil, fmt.Errorf("run-time value %d: %w", i, err)
		}
		names, kinds = append(names, name), append(kinds, kind)
	}
	return names, kinds, nil
}

func (j *job) setValue(name string, value any) (inputKind, error) {
	if t, ok := value.(*Tensor); ok {
		return inputKind{t.value.DType(), t.Shape()}, j.setTensor(name, t)
	}
	flat, kind, err := hostValue(value)
	if err != nil {
		return kind, err
	}
	return kind, j.set(name, flat, kind.dtype, kind.dims...)
}

// hostValue is a Go value as the flat data and shape of a graph input. Numbers become float32, whole ones int32.
func hostValue(value any) (flat any, kind inputKind, err error) {
	floats := func(v []float32, dims ...int) (any, inputKind, error) { return v, inputKind{dtypes.Float32, dims}, nil }
	ints := func(v []int32, dims ...int) (any, inputKind, error) { return v, inputKind{dtypes.Int32, dims}, nil }
	switch v := value.(type) {
	case float32:
		return floats([]float32{v})
	case float64:
		return floats([]float32{float32(v)})
	case []float32:
		return floats(v, len(v))
	case []float64:
		return floats(narrow(v), len(v))
	case *Array:
		return floats(v.Data, v.Shape...)
	case int:
		return ints([]int32{int32(v)})
	case []int:
		return ints(flatten32([][]int{v}), len(v))
	case Tokens:
		return ints(flatten32(v), v.Shape()...)
	case [][]int:
		return ints(flatten32(v), Tokens(v).Shape()...)
	}
	return nil, kind, fmt.Errorf("%v of type %T: want a number, a slice of numbers, a *Tensor or an *Array", value, value)
}

func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}
