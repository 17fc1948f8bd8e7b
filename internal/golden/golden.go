// Package golden reads the fixtures that tests compare with, and compares.
//
// The fixtures were made with TransformerLens 2.16.1 and Hugging Face transformers on CPU in
// float32; each JSON file says how, and gives the tolerance that its numbers deserve: about ten
// times the difference between the float32 run and a float64 run of the same model.
package golden

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"gopherlens/internal/weights"
)

// Tolerances allow a difference of Abs + Rel*|want|.
type Tolerance struct{ Abs, Rel float64 }

// Default is the tolerance of fixtures that name none.
var Default = Tolerance{Abs: 1e-4, Rel: 1e-4}

// A File is an open fixture of tensors.
type File struct {
	t    testing.TB
	file *weights.File
}

// Open opens a safetensors fixture; the test ends if it cannot.
func Open(t testing.TB, path string) *File {
	t.Helper()
	file, err := weights.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return &File{t, file}
}

// Names are the names of the tensors that begin with prefix, without it.
func (f *File) Names(prefix string) []string {
	var names []string
	for _, name := range f.file.Names() {
		if short, ok := strings.CutPrefix(name, prefix); ok {
			names = append(names, short)
		}
	}
	return names
}

// Has reports whether the fixture holds the tensor.
func (f *File) Has(name string) bool {
	_, err := f.file.Tensor(name)
	return err == nil
}

// Floats are a tensor's values and shape.
func (f *File) Floats(name string) ([]float32, []int) {
	f.t.Helper()
	tensor, err := f.file.Tensor(name)
	if err != nil {
		f.t.Fatal(err)
	}
	values, err := tensor.Float32s()
	if err != nil {
		f.t.Fatal(err)
	}
	return values, tensor.Shape
}

// Ints are the values of a tensor of whole numbers with two axes, or with one, which makes a single
// row.
func (f *File) Ints(name string) [][]int {
	f.t.Helper()
	tensor, err := f.file.Tensor(name)
	if err != nil {
		f.t.Fatal(err)
	}
	values, err := tensor.Int64s()
	if err != nil {
		f.t.Fatal(err)
	}
	rows := make([][]int, 1)
	if len(tensor.Shape) > 1 {
		rows = make([][]int, tensor.Shape[0])
	}
	n := len(values) / len(rows)
	for i := range rows {
		for _, v := range values[i*n : (i+1)*n] {
			rows[i] = append(rows[i], int(v))
		}
	}
	return rows
}

// JSON reads a JSON fixture into v; the test ends if it cannot.
func JSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Close reports an error unless got is want within the tolerance. Infinities must be the same; NaN
// is never right.
func Close(t testing.TB, what string, got, want []float32, tol Tolerance) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	worst, at := 0.0, -1
	for i := range got {
		if excess := excess(float64(got[i]), float64(want[i]), tol); excess > worst {
			worst, at = excess, i
		}
	}
	if at >= 0 {
		t.Errorf("%s: value %d is %v, want %v (tolerance %v)", what, at, got[at], want[at], tol)
	}
}

// excess is how far a difference is beyond the tolerance, or 0.
func excess(got, want float64, tol Tolerance) float64 {
	switch {
	case got == want:
		return 0
	case math.IsNaN(got) || math.IsNaN(want) || math.IsInf(got, 0) || math.IsInf(want, 0):
		return math.Inf(1)
	}
	return math.Max(0, math.Abs(got-want)-tol.Abs-tol.Rel*math.Abs(want))
}
