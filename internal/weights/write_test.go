package weights_test

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/weights"
)

func TestWriteAndOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	floats, ints := make([]float32, 300_000), []int64{-1, 1 << 62}
	for i := range floats {
		floats[i] = float32(i) / 7
	}
	err := weights.WriteSafetensors(path, map[string]string{"made by": "a test"}, []weights.Named{
		weights.FromFloat32s("w", []int{3, 100_000}, floats),
		weights.FromFloat32s("scalar", nil, []float32{2.5}),
		weights.FromFloat32s("nothing", []int{0, 4}, nil),
		weights.FromInt64s("i", []int{2}, ints),
	})
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	if want := map[string]any{"made by": "a test"}; !maps.Equal(f.Metadata(), want) {
		t.Errorf("metadata %v, want %v", f.Metadata(), want)
	}
	w := tensor(t, f, "w")
	if got := float32s(t, w); !slices.Equal(got, floats) {
		t.Error("w: values differ from those written")
	}
	if got, ok := w.View(); !ok || !slices.Equal(got, floats) {
		t.Errorf("w: not viewable in place (%v), although we align what we write", ok)
	}
	if got := float32s(t, tensor(t, f, "scalar")); !slices.Equal(got, []float32{2.5}) {
		t.Errorf("scalar: got %v", got)
	}
	if got := tensor(t, f, "nothing"); got.Size() != 0 || !slices.Equal(got.Shape, []int{0, 4}) {
		t.Errorf("nothing: got shape %v", got.Shape)
	}
	if got, err := tensor(t, f, "i").Int64s(); err != nil || !slices.Equal(got, ints) {
		t.Errorf("i: got %v, %v; want %v", got, err, ints)
	}
	if _, err := w.Int64s(); err == nil {
		t.Error("F32 was read as whole numbers")
	}
	if err := w.Float32sInto(make([]float32, 3)); err == nil {
		t.Error("a destination of the wrong size was accepted")
	}
}

func TestUnknownTensor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := weights.WriteSafetensors(path, nil, []weights.Named{weights.FromFloat32s("wte.weight", nil, []float32{1})}); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, path).Tensor("wte.wieght"); err == nil || !strings.Contains(err.Error(), `nearest: "wte.weight"`) {
		t.Errorf("got %v, want an error that suggests wte.weight", err)
	}
}

// TestFailedWriteKeepsTheOldFile: a write that fails half way must leave what was
// there, and nothing else.
func TestFailedWriteKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	one := weights.FromFloat32s("a", []int{1}, []float32{1})
	if err := weights.WriteSafetensors(path, nil, []weights.Named{one}); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the source dried up")
	for fault, tensors := range map[string][]weights.Named{
		"source fails":   {one, {Name: "b", DType: weights.F32, Shape: []int{1}, Write: func(io.Writer) error { return broken }}},
		"too few values": {weights.FromFloat32s("b", []int{2}, []float32{1})},
		"name twice":     {one, one},
		"reserved name":  {weights.FromFloat32s("__metadata__", []int{1}, []float32{1})},
		"unknown type":   {{Name: "b", DType: "Q4_0", Shape: []int{32}}},
		"negative shape": {weights.FromFloat32s("b", []int{-1}, nil)},
	} {
		if err := weights.WriteSafetensors(path, nil, tensors); err == nil {
			t.Errorf("%s: no error", fault)
		}
		if got := open(t, path).Names(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("%s: the old file now holds %q", fault, got)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	write := func(v float32) string {
		t.Helper()
		if err := weights.WriteSafetensors(path, nil, []weights.Named{weights.FromFloat32s("a", []int{1}, []float32{v})}); err != nil {
			t.Fatal(err)
		}
		id, err := weights.Identity(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := open(t, path).Identity(); err != nil || got != id {
			t.Errorf("of the open file: %q, %v; of the path: %q", got, err, id)
		}
		return id
	}
	// Keep a link to the first file, so that its inode cannot be given to the second.
	first := write(1)
	if err := os.Link(path, path+".kept"); err != nil {
		t.Fatal(err)
	}
	if second := write(2); second == first {
		t.Error("a replaced file kept its identity")
	}
}
