package hooked

// Values are the Go types of what an edit or a metric gets at run time: a number, numbers along the
// last axis, token ids or indices, a tensor, or an array of this process's. Numbers become float32,
// whole ones int32.
type Values interface {
	int | float32 | float64 | []int | []float32 | []float64 | [][]int | Tokens | *Tensor | *Array
}

// An Operand is a run-time value of a graph function of the user's, see [With] and [NewMetric].
type Operand struct{ value any }

// Value is v as an operand.
func Value[V Values](v V) Operand { return Operand{v} }

// operandsOf are the values of operands.
func operandsOf(given []Operand) operands {
	values := make([]any, len(given))
	for i, o := range given {
		values[i] = o.value
	}
	return operands{values: values}
}
