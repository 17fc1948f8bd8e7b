package plots

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
)

// Array is what a tensor or a grid of another package must offer to be drawn as
// it is. Float32s returns the values in row-major order; a tensor that lives on
// a device copies them to the host there.
type Array interface {
	Shape() []int
	Float32s() []float32
}

// AxisLabeler is an [Array] that knows the label of each index of an axis, as a
// grid of head scores knows "L0H0", "L0H1", … Labels given in [Axes] win.
type AxisLabeler interface {
	AxisLabels(axis int) []string
}

// AxisNamer is an [Array] that knows the name of each of its axes, such as
// "layer" and "position". Names given in [Axes] win.
type AxisNamer interface {
	AxisNames() []string
}

// maxRank bounds the nesting of slices: [frame][facet][row][column].
const maxRank = 4

var errNoData = errors.New("no data")

// array is a figure's data on the host: values [shape...] in row-major order.
type array struct {
	shape  []int
	values []float64
	names  []string   // of the axes, nil if unknown
	labels [][]string // of the indices of each axis, nil if unknown
}

// readArray copies data, which is an [Array] or slices of numbers nested up to
// four deep, and checks that its rank is one of ranks.
func readArray(data any, ranks ...int) (array, error) {
	a, err := readShaped(data, ranks...)
	if err != nil {
		return array{}, err
	}
	if !anyFinite(a.values) {
		return array{}, fmt.Errorf("data has no finite value among its %d (shape %v)", len(a.values), a.shape)
	}
	return a, nil
}

// readShaped is readArray for data that may be part of more, none of it finite.
func readShaped(data any, ranks ...int) (array, error) {
	a, err := convert(data)
	if err != nil {
		return array{}, err
	}
	if len(a.values) == 0 {
		return array{}, fmt.Errorf("%w: shape %s", errNoData, shapeText(a.shape))
	}
	if !slices.Contains(ranks, len(a.shape)) {
		return array{}, fmt.Errorf("data has %s (shape %s); this figure takes %s",
			count(len(a.shape), "axis", "axes"), shapeText(a.shape), oneOf(ranks))
	}
	return a, nil
}

func convert(data any) (array, error) {
	if src, ok := data.(Array); ok {
		return fromArray(src)
	}
	if data == nil {
		return array{}, fmt.Errorf("%w: got nil", errNoData)
	}
	return fromSlices(reflect.ValueOf(data))
}

// fromArray reads an Array of another package. Its methods run that package's
// code on the user's value (a nil tensor, a buffer already freed), so a panic in
// them is turned into an error: a figure never takes the cell down.
func fromArray(src Array) (a array, err error) {
	defer func() {
		if r := recover(); r != nil {
			a, err = array{}, fmt.Errorf("reading %s: %s", typeName(src), hoverText(fmt.Sprint(r)))
		}
	}()
	a.shape = append([]int(nil), src.Shape()...)
	values := src.Float32s()
	if !holds(a.shape, len(values)) {
		return array{}, fmt.Errorf("%s has shape %s but gives %d values", typeName(src), shapeText(a.shape), len(values))
	}
	a.values = make([]float64, len(values))
	for i, v := range values {
		a.values[i] = float64(v)
	}
	a.describe(src)
	return a, nil
}

// describe takes over the names and labels that src knows.
func (a *array) describe(src Array) {
	if namer, ok := src.(AxisNamer); ok {
		a.names = namer.AxisNames()
	}
	if labeler, ok := src.(AxisLabeler); ok {
		for axis := range a.shape {
			a.labels = append(a.labels, labeler.AxisLabels(axis))
		}
	}
}

// fromSlices flattens nested slices of numbers and refuses ragged ones.
func fromSlices(v reflect.Value) (array, error) {
	v = indirect(v)
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return array{}, fmt.Errorf("cannot draw a %s: want slices of numbers, or a value with Shape() []int and Float32s() []float32", describeType(v))
	}
	var a array
	for level := v; level.Kind() == reflect.Slice || level.Kind() == reflect.Array; level = indirect(level.Index(0)) {
		a.shape = append(a.shape, level.Len())
		if level.Len() == 0 || len(a.shape) > maxRank {
			break
		}
	}
	if len(a.shape) > maxRank {
		return array{}, fmt.Errorf("data is nested more than %d deep", maxRank)
	}
	if slices.Contains(a.shape, 0) {
		return a, nil
	}
	// The first row's shape is only a promise: room grows as the rows keep it.
	return a, a.flatten(v, nil)
}

// flatten appends v, which is the part of the data that at leads to and must have
// shape a.shape[len(at):].
func (a *array) flatten(v reflect.Value, at []int) error {
	v = indirect(v)
	if len(at) == len(a.shape) {
		x, ok := number(v)
		if !ok {
			return fmt.Errorf("%s is a %s, not a number", where(at), describeType(v))
		}
		a.values = append(a.values, x)
		return nil
	}
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return fmt.Errorf("%s is a %s where the first of its neighbours is a slice", where(at), describeType(v))
	}
	if n := a.shape[len(at)]; v.Len() != n {
		return fmt.Errorf("data is ragged: %s has %d elements, %d were expected", where(at), v.Len(), n)
	}
	at = append(at, 0)
	for i := range v.Len() {
		at[len(at)-1] = i
		if err := a.flatten(v.Index(i), at); err != nil {
			return err
		}
	}
	return nil
}

// where names a part of the data: "data[1][0]".
func where(at []int) string {
	name := "data"
	for _, i := range at {
		name += fmt.Sprintf("[%d]", i)
	}
	return name
}

// number converts any integer or floating-point kind, named types included.
func number(v reflect.Value) (float64, bool) {
	switch {
	case v.CanFloat():
		return v.Float(), true
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	}
	return math.NaN(), false
}

// indirect follows interfaces and pointers; what is nil stays as it is.
func indirect(v reflect.Value) reflect.Value {
	for (v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer) && !v.IsNil() {
		v = v.Elem()
	}
	return v
}

func describeType(v reflect.Value) string {
	if !v.IsValid() {
		return "nil"
	}
	return clip(v.Type().String(), hoverLength)
}

func typeName(v any) string { return describeType(reflect.ValueOf(v)) }

// shapeText writes a shape, however many axes another package's has.
func shapeText(shape []int) string {
	const most = 8
	if len(shape) <= most {
		return fmt.Sprint(shape)
	}
	return fmt.Sprintf("%v and %d axes more", shape[:most], len(shape)-most)
}

// withLeading returns a with leading axes of length 1 up to the given rank, so
// that a figure of facets also takes one picture and lines also take one line.
func (a array) withLeading(rank int) array {
	for len(a.shape) < rank {
		a.shape = append([]int{1}, a.shape...)
		if a.names != nil {
			a.names = append([]string{""}, a.names...)
		}
		if a.labels != nil {
			a.labels = append([][]string{nil}, a.labels...)
		}
	}
	return a
}

// name and label list of an axis counted from the end: 1 is the last.
func (a array) axisName(fromEnd int) string {
	if i := len(a.names) - fromEnd; i >= 0 && len(a.names) == len(a.shape) {
		return a.names[i]
	}
	return ""
}

func (a array) axisLabels(fromEnd int) []string {
	if i := len(a.labels) - fromEnd; i >= 0 && len(a.labels) == len(a.shape) {
		return a.labels[i]
	}
	return nil
}

// rows cuts a [n, m] array into its n rows.
func (a array) rows() [][]float64 {
	n, m := a.shape[0], a.shape[1]
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = a.values[i*m : (i+1)*m]
	}
	return rows
}

// holds tells whether a shape is that of n values, without multiplying more than
// an int takes.
func holds(shape []int, n int) bool {
	if slices.Contains(shape, 0) {
		return n == 0 && slices.Min(shape) == 0
	}
	product := 1
	for _, d := range shape {
		if d < 0 || product > n/d {
			return false
		}
		product *= d
	}
	return product == n
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func anyFinite(values []float64) bool {
	for _, v := range values {
		if finite(v) {
			return true
		}
	}
	return false
}

// finiteRange returns the smallest and largest finite value, and false if there
// is none.
func finiteRange(values []float64) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if finite(v) {
			lo, hi, ok = min(lo, v), max(hi, v), true
		}
	}
	return lo, hi, ok
}

// count writes "1 axis", "2 axes".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// oneOf writes the ranks that a figure takes: "2, 3 or 4 axes".
func oneOf(ranks []int) string {
	text := ""
	for i, r := range ranks {
		switch {
		case i == 0:
		case i == len(ranks)-1:
			text += " or "
		default:
			text += ", "
		}
		text += fmt.Sprint(r)
	}
	if len(ranks) == 1 && ranks[0] == 1 {
		return text + " axis"
	}
	return text + " axes"
}
