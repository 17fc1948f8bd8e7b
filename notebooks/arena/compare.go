package arena

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// defaultTolerance is how far a value may be from what is wanted, in parts of the value, and of the
// largest one that is wanted.
const defaultTolerance = 1e-3

// Within is t with another tolerance: how far a number may be off, in parts of the largest number
// that is wanted. By default that is 1e-3.
func (t *T) Within(tolerance float64) *T { return &T{tolerance: tolerance, amount: t.amount} }

// By is t with a number by which others may be off, however small they are: for shares, which are
// differences of larger numbers.
func (t *T) By(amount float64) *T { return &T{tolerance: t.tolerance, amount: amount} }

// Holds checks a property, which what says: "every row of the pattern adds up to 1".
func (t *T) Holds(what string, holds bool, look ...string) {
	if !holds {
		t.fail(wrong, look, "this does not hold: %s", what)
	}
}

// Equal checks anything that is right or wrong as a whole: integers, texts, slices of these.
func (t *T) Equal(what string, got, want any, look ...string) {
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	switch {
	case reflect.DeepEqual(got, want):
	case g.IsValid() && w.IsValid() && g.Kind() == reflect.Slice && w.Kind() == reflect.Slice && g.Len() != w.Len():
		t.fail(wrongShape, look, "%s: %d entries, wanted are %d", what, g.Len(), w.Len())
	case reflect.TypeOf(got) != reflect.TypeOf(want):
		t.fail(wrong, look, "%s is of type %T, wanted is %T", what, got, want)
	default:
		t.fail(wrong, look, "%s: %s, wanted is %s", what, brief.Cut(fmt.Sprint(got), shownText), brief.Cut(fmt.Sprint(want), shownText))
	}
}

// shownText is how much of a value is shown, in bytes.
const shownText = 200

// Near checks a number.
func (t *T) Near(what string, got, want float64, look ...string) {
	if !within(got, want, math.Max(t.amount, t.tolerance*math.Max(math.Abs(want), smallest))) {
		n := numbers{got: []float32{float32(got)}, want: []float32{float32(want)}, tolerance: t.tolerance, amount: t.amount}
		t.fail(wrong, slices.Concat(n.guesses(), look), "%s: %.6g, wanted is %.6g", what, got, want)
	}
}

// smallest is the size below which numbers count as equal to zero by an absolute measure.
const smallest = 1e-3

// within is false for NaN.
func within(got, want, most float64) bool { return math.Abs(got-want) <= most }

// Shape checks a tensor's dimensions alone.
func (t *T) Shape(what string, got *hooked.Tensor, want []int, look ...string) {
	switch {
	case got == nil:
		t.fail(wrongShape, look, "%s is nil", what)
	case !slices.Equal(got.Shape(), want):
		t.fail(wrongShape, slices.Concat(shapeGuesses(got.Shape(), want), look), "%s: the shape is %v, wanted is %v", what, got.Shape(), want)
	}
}

// Same checks that a tensor has the shape and, but for rounding, the values of another.
func (t *T) Same(what string, got, want *hooked.Tensor, look ...string) {
	if got != nil && !slices.Equal(got.Shape(), want.Shape()) {
		look = slices.Concat(look, []string{"wanted is " + axes(want)})
	}
	t.Shape(what, got, want.Shape(), look...)
	n := numbers{got: got.Float32s(), want: want.Float32s(), shape: want.Shape(), tolerance: t.tolerance, amount: t.amount}
	at, bad := n.worst()
	if bad == 0 {
		return
	}
	t.fail(wrong+" values", slices.Concat(n.guesses(), look), "%s: %d of %d are off, most at %v: %.5g, wanted is %.5g",
		what, bad, len(n.want), n.place(at), n.got[at], n.want[at])
}

// axes is a tensor's shape with the names of its axes.
func axes(t *hooked.Tensor) string {
	var parts []string
	for i, name := range t.AxisNames() {
		parts = append(parts, fmt.Sprintf("%s=%d", name, t.Shape()[i]))
	}
	return "[" + strings.Join(parts, " ") + "]"
}
