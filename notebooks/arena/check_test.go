package arena

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/course"
	_ "gopherlens/internal/purego"
)

// checked is what a check prints, and the status that the cell would end with.
func checked(t *testing.T, check func(t *T)) (text string, status int) {
	t.Helper()
	t.Chdir(t.TempDir())
	var b strings.Builder
	oldOut, oldExit := out, exit
	t.Cleanup(func() { out, exit = oldOut, oldExit })
	out, exit = &b, func(code int) { status = code }
	Check("1.1 something", check)
	return b.String(), status
}

// wanted is an answer with nothing regular in it: [2, 3, 3].
func wanted() *hooked.Tensor { return hooked.NewNormal(1, "batch query key", 2, 3, 3).Shift(0.5) }

func TestVerdicts(t *testing.T) {
	w := wanted()
	bias := hooked.NewLinspace("key", 1, 3, 3)
	perRow := hooked.NewNormal(2, "batch query", 2, 3)
	tests := []struct {
		name  string
		check func(t *T)
		want  string
	}{
		{"right", func(t *T) { t.Same("x", w, wanted()) }, "✓ 1.1 something\n"},
		{"rounding", func(t *T) { t.Same("x", w.Scale(1.0005), w) }, "✓"},
		{"stub", func(t *T) { panic(Todo("1.1 something")) }, "… 1.1 something: not done yet\n"},
		{"stub of another", func(t *T) { panic(Todo("1.1 other")) }, `not done yet ("1.1 other" has its stub still)`},
		{"stub in a graph", func(t *T) {
			hooked.Must(hooked.Apply("", func(x *graph.Node) *graph.Node { panic(Todo("1.1 something")) }, w))
		}, "… 1.1 something: not done yet\n"},
		{"stub in an edit's text", func(t *T) { panic(fmt.Errorf("wrapped: %w", Todo("1.1 something"))) }, "not done yet"},
		{"nothing", func(t *T) { t.Same("x", nil, w) }, "wrong shape: x is nil"},
		{"another order", func(t *T) { t.Same("x", hooked.NewZeros("a b", 3, 2), hooked.NewZeros("pos head", 2, 3), "mind this") },
			"✗ 1.1 something: wrong shape: x: the shape is [3 2], wanted is [2 3]\n  look at: the axes are these, in another order\n" +
				"  look at: mind this\n  look at: wanted is [pos=2 head=3]\n"},
		{"a result without its axis", func(t *T) {
			hooked.Must(hooked.Apply("pos", func(x *graph.Node) *graph.Node { return graph.ReduceAllMean(x) }, w))
		}, "✗ 1.1 something: wrong shape: hooked: Apply: result 0 has shape [], other axes than are named (pos)"},
		{"an axis too few", func(t *T) { t.Same("x", w.Mean("query"), w) }, "axis 1 of 3 entries is missing"},
		{"an axis too many", func(t *T) { t.Same("x", w, w.At(0)) }, "axis 0 of 2 entries is too much"},
		{"merged", func(t *T) { t.Shape("x", hooked.NewZeros("a", 6), []int{2, 3}) }, "otherwise split into axes"},
		{"values", func(t *T) { t.Same("x", hooked.NewNormal(3, "a b c", 2, 3, 3), w, "the scale") }, "wrong values: x: 18 of 18 are off, most at ["},
		{"NaN", func(t *T) { t.Same("x", w.Scale(-1).Log(), w) }, "are NaN or infinite"},
		{"zeros", func(t *T) { t.Same("x", w.Scale(0), w) }, "every value is 0"},
		{"sign", func(t *T) { t.Same("x", w.Neg(), w) }, "every value has the other sign"},
		{"factor", func(t *T) { t.Same("x", w.Scale(8), w) }, "every value is 8 times what is wanted"},
		{"amount", func(t *T) { t.Same("x", w.Shift(-2), w) }, "every value is too small by 2"},
		{"transposed", func(t *T) { t.Same("x", w.Rearrange("b q k -> b k q"), w) }, "the last two axes swapped"},
		{"bias", func(t *T) { t.Same("x", w.Add(bias), w) }, "a bias?"},
		{"gain", func(t *T) { t.Same("x", w.Mul(bias), w) }, "a norm's weight?"},
		{"factor of a row", func(t *T) { t.Same("x", w.Div(w.Norm("key").Rearrange("b q -> b q 1")), w) }, "how is it normalized?"},
		{"number of a row", func(t *T) { t.Same("x", w.Add(perRow.Rearrange("b q -> b q 1")), w) }, "is a mean taken off"},
		{"some rows", func(t *T) {
			t.Same("x", w.Add(hooked.NewNormal(9, "batch query key", 2, 3, 3).Mul(hooked.NewLinspace("batch", 0, 1, 2).Rearrange("b -> b 1 1"))), w)
		}, "vectors along the last axis are right"},
		{"a number", func(t *T) { t.Near("the loss", 2, 3, "the mean") }, "wrong: the loss: 2, wanted is 3\n  look at: the mean"},
		{"zero for a number", func(t *T) { t.Near("the loss", 0, 3, "the mean") }, "wrong: the loss: 0, wanted is 3\n  look at: the mean"},
		{"no number", func(t *T) { t.Near("the loss", math.NaN(), 3) }, "wrong: the loss: NaN"},
		{"about zero", func(t *T) { t.Near("the mean", 1e-9, 0) }, "✓"},
		{"within", func(t *T) { t.Within(0.1).Near("the loss", 3.2, 3) }, "✓"},
		{"by an amount", func(t *T) { t.By(0.01).Near("the share", 0.005, 0) }, "✓"},
		{"by more", func(t *T) { t.By(0.01).Same("the shares", w.Shift(0.02), w) }, "every value is too large by 0.02"},
		{"texts", func(t *T) { t.Equal("the word", " Mary", " John") }, "the word:  Mary, wanted is  John"},
		{"too few", func(t *T) { t.Equal("tokens", []int{1}, []int{1, 2}) }, "wrong shape: tokens: 1 entries, wanted are 2"},
		{"types", func(t *T) { t.Equal("n", int64(1), 1) }, "n is of type int64, wanted is int"},
		{"a property", func(t *T) { t.Holds("rows add up to 1", false) }, "this does not hold: rows add up to 1"},
		{"an error", func(t *T) { hooked.Must(0, errors.New("no such site")) }, "failed: no such site"},
		{"a slip", func(t *T) { fmt.Println([]int{}[len(os.Args)+7]) }, "failed: runtime error: index out of range"},
		{"a text", func(t *T) { panic("oh") }, "failed: oh ("},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text, status := checked(t, test.check)
			if !strings.Contains(text, test.want) {
				t.Errorf("printed %q, which lacks %q", text, test.want)
			}
			if goesOn := strings.HasPrefix(text, "✓") || strings.HasPrefix(text, "…"); goesOn != (status == 0) {
				t.Errorf("the cell ends with %d after %q", status, text)
			}
		})
	}
}

// Checks leave records in a student's folder, and only there.
func TestRecords(t *testing.T) {
	text, _ := checked(t, func(*T) {})
	if found, _ := filepath.Glob("*"); len(found) != 0 {
		t.Errorf("a check outside of a student's folder left %v, and printed %q", found, text)
	}
	if err := os.Mkdir(course.Records, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, check := range []func(*T){func(*T) { panic(Todo("1.1 something")) }, func(*T) {}, func(t *T) { t.Near("x", 1, 2) }} {
		Check("1.1 something", check)
	}
	records, err := course.ReadRecords(".")
	if err != nil {
		t.Fatal(err)
	}
	want := course.Record{Exercise: "1.1 something", Verdict: wrong, Done: true, Checks: 3}
	if got := records["1.1 something"]; got != want {
		t.Errorf("the record is %+v, want %+v", got, want)
	}
}
