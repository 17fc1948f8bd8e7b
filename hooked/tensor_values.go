package hooked

import (
	"math"
	"reflect"

	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/brief"
)

// flatValue takes a Go value apart: a number, a truth value, an *Array, or slices of these nested
// to any depth, whose rows must be equally long. The flat data are []float32, []int32, []bool, or,
// of 64-bit whole numbers, []int64.
func flatValue(value any) (flat any, dims []int, err error) {
	switch v := value.(type) {
	case *Array:
		if err := v.check(); err != nil {
			return nil, nil, err
		}
		return v.Data, v.Shape, nil
	case []float32:
		return v, []int{len(v)}, nil
	}
	v := reflect.ValueOf(value)
	element, ok := elementType(v)
	if !ok {
		return nil, nil, brief.Errorf("%v of type %s: want a number, slices of numbers, a *Tensor or an *Array", value, typeOf(value))
	}
	dims = dimsOf(v)
	switch kind := element.Kind(); {
	case kind == reflect.Bool:
		return collect(v, dims, func(x reflect.Value) (bool, error) { return x.Bool(), nil })
	case kind == reflect.Int64 || kind == reflect.Uint64:
		return collect(v, dims, wholeOf[int64])
	case kind == reflect.Float32 || kind == reflect.Float64:
		return collect(v, dims, floatOf)
	}
	return collect(v, dims, wholeOf[int32])
}

// elementType is the type of the numbers or truth values in v.
func elementType(v reflect.Value) (reflect.Type, bool) {
	if !v.IsValid() {
		return nil, false
	}
	t := v.Type()
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	number := t.Kind() >= reflect.Bool && t.Kind() <= reflect.Float64 && t.Kind() != reflect.Uintptr
	return t, number
}

// dimsOf are the lengths of nested slices, as the first of each tell them.
func dimsOf(v reflect.Value) []int {
	var dims []int
	for t := v.Type(); t.Kind() == reflect.Slice || t.Kind() == reflect.Array; t = t.Elem() {
		n := 0
		if v.IsValid() {
			n = v.Len()
		}
		dims = append(dims, n)
		if n == 0 {
			v = reflect.Value{}
		} else {
			v = v.Index(0)
		}
	}
	return dims
}

// collect flattens nested slices of these dimensions.
func collect[T any](v reflect.Value, dims []int, read func(reflect.Value) (T, error)) (flat any, shape []int, err error) {
	out := make([]T, 0, sizeOf(dims))
	var walk func(v reflect.Value, depth int) error
	walk = func(v reflect.Value, depth int) error {
		if depth == len(dims) {
			x, err := read(v)
			out = append(out, x)
			return err
		}
		if rows, same := v.Interface().([]T); same {
			out = append(out, rows...)
			return nil
		}
		for i := range v.Len() {
			row := v.Index(i)
			if depth+1 < len(dims) && row.Len() != dims[depth+1] {
				return brief.Errorf("row %d has %d entries, row 0 has %d: want equal rows", i, row.Len(), dims[depth+1])
			}
			if err := walk(row, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(v, 0); err != nil {
		return nil, nil, err
	}
	return out, dims, nil
}

// floatOf refuses what float32 cannot hold: it would become infinite in silence.
func floatOf(v reflect.Value) (float32, error) {
	x := v.Float()
	if narrow := float32(x); !math.IsInf(float64(narrow), 0) || math.IsInf(x, 0) {
		return narrow, nil
	}
	return 0, brief.Errorf("%v is too large for float32", x)
}

// wholeOf refuses what a T cannot hold.
func wholeOf[T int32 | int64](v reflect.Value) (T, error) {
	if v.CanUint() {
		if x := v.Uint(); x <= math.MaxInt64 && uint64(T(x)) == x && T(x) >= 0 {
			return T(x), nil
		}
		return 0, brief.Errorf("%d is too large for %T", v.Uint(), T(0))
	}
	if x := v.Int(); int64(T(x)) != x {
		return 0, brief.Errorf("%d is too large for %T", x, T(0))
	}
	return T(v.Int()), nil
}

// hostTensor is a Go value as a tensor on the host, which shares no memory with it.
func hostTensor(value any) (*tensors.Tensor, error) {
	flat, dims, err := flatValue(value)
	if err != nil {
		return nil, err
	}
	if sizeOf(dims) == 0 {
		return nil, brief.Errorf("values of shape %v: want at least one", dims)
	}
	switch flat := flat.(type) {
	case []bool:
		return tensors.FromFlatDataAndDimensions(flat, dims...), nil
	case []int32:
		return tensors.FromFlatDataAndDimensions(flat, dims...), nil
	case []int64:
		return tensors.FromFlatDataAndDimensions(flat, dims...), nil
	}
	return tensors.FromFlatDataAndDimensions(flat.([]float32), dims...), nil
}

func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}
