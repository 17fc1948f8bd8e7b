package hooked

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"

	"gopherlens/internal/brief"
)

// setValues uploads the run-time values of an intervention or a metric and names the graph inputs that hold them.
func (j *job) setValues(prefix string, values []any) (names []string, kinds []inputKind, err error) {
	for i, v := range values {
		name := fmt.Sprintf("%s.%d", prefix, i)
		kind, err := j.setValue(name, v)
		if err != nil {
			return nil, nil, brief.Errorf("run-time value %d: %w", i, err)
		}
		names, kinds = append(names, name), append(kinds, kind)
	}
	return names, kinds, nil
}

func (j *job) setValue(name string, value any) (inputKind, error) {
	if t, ok := value.(*Tensor); ok {
		if err := t.check(); err != nil {
			return inputKind{}, err
		}
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
	switch v := value.(type) {
	case float32:
		return floats([]float32{v})
	case float64:
		return narrowed([]float64{v})
	case []float32:
		return floats(v, len(v))
	case []float64:
		return narrowed(v, len(v))
	case *Array:
		if err := v.check(); err != nil {
			return nil, kind, err
		}
		return floats(v.Data, v.Shape...)
	case int:
		return whole32([][]int{{v}})
	case []int:
		return whole32([][]int{v}, len(v))
	case Tokens:
		return whole32(v, v.Shape()...)
	case [][]int:
		return whole32(v, Tokens(v).Shape()...)
	}
	return nil, kind, brief.Errorf("%v of type %T: want a number, a slice of numbers, a *Tensor or an *Array", value, value)
}

func floats(v []float32, dims ...int) (any, inputKind, error) {
	return v, inputKind{dtypes.Float32, dims}, nil
}

// narrowed refuses what float32 cannot hold: it would become infinite in silence.
func narrowed(v []float64, dims ...int) (any, inputKind, error) {
	out := narrow(v)
	for i, x := range v {
		if math.IsInf(float64(out[i]), 0) && !math.IsInf(x, 0) {
			return nil, inputKind{}, brief.Errorf("%v is too large for float32", x)
		}
	}
	return floats(out, dims...)
}

// whole32 refuses what int32 cannot hold, and rows of unequal length.
func whole32(rows [][]int, dims ...int) (any, inputKind, error) {
	for i, row := range rows {
		if len(row) != len(rows[0]) {
			return nil, inputKind{}, brief.Errorf("row %d has %d entries, row 0 has %d: want equal rows", i, len(row), len(rows[0]))
		}
		for _, v := range row {
			if int(int32(v)) != v {
				return nil, inputKind{}, brief.Errorf("%d is too large for int32", v)
			}
		}
	}
	return flatten32(rows), inputKind{dtypes.Int32, dims}, nil
}

func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}
