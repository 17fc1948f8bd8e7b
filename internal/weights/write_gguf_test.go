package weights_test

import (
	"bytes"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/weights"
)

// TestWriteGGUF writes a file, and reads it with the reader that is held against Python's gguf.
func TestWriteGGUF(t *testing.T) {
	path := filepath.Join(t.TempDir(), "small.gguf")
	metadata := []weights.KeyValue{{Key: "general.architecture", Value: "test"}, {Key: "n", Value: uint32(7)}, {Key: "i", Value: int32(-3)}, {Key: "f", Value: float32(0.25)}, {Key: "b", Value: true}, {Key: "no", Value: false}}
	tensors := []weights.Named{
		weights.FromFloat32s("b", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}),
		weights.FromFloat32s("a", []int{1}, []float32{-0.5}),
	}
	if err := weights.WriteGGUF(path, metadata, tensors); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	want := map[string]any{}
	for _, kv := range metadata {
		want[kv.Key] = kv.Value
	}
	if !reflect.DeepEqual(f.Metadata(), want) {
		t.Errorf("metadata %v, want %v", f.Metadata(), want)
	}
	for name, shape := range map[string][]int{"b": {2, 3}, "a": {1}} {
		if got := tensor(t, f, name); !slices.Equal(got.Shape, shape) {
			t.Errorf("%s has shape %v, want %v", name, got.Shape, shape)
		}
	}
	if got := float32s(t, tensor(t, f, "b")); !slices.Equal(got, []float32{1, 2, 3, 4, 5, 6}) {
		t.Errorf("b is %v", got)
	}
	if got := float32s(t, tensor(t, f, "a")); !slices.Equal(got, []float32{-0.5}) {
		t.Errorf("a is %v", got)
	}
}

// TestGGUFToTheByte writes again what Python's gguf 0.19 has written: a control vector of repeng's.
func TestGGUFToTheByte(t *testing.T) {
	const theirs = "testdata/control_vector.gguf"
	f := open(t, theirs)
	var metadata []weights.KeyValue
	for _, key := range []string{"general.architecture", "controlvector.model_hint", "controlvector.layer_count"} {
		metadata = append(metadata, weights.KeyValue{Key: key, Value: f.Metadata()[key]})
	}
	var tensors []weights.Named
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, weights.FromTensor(x))
	}
	path := filepath.Join(t.TempDir(), "again.gguf")
	if err := weights.WriteGGUF(path, metadata, tensors); err != nil {
		t.Fatal(err)
	}
	if len(tensors) != 2 || !bytes.Equal(readFile(t, path), readFile(t, theirs)) {
		t.Errorf("%d tensors; the file differs from Python's", len(tensors))
	}
}

// TestWriteBadGGUF holds that what the file cannot say is refused, and no file is left.
func TestWriteBadGGUF(t *testing.T) {
	one := weights.FromFloat32s("a", []int{1}, []float32{1})
	short := weights.Named{Name: "a", DType: weights.F32, Shape: []int{2}, Write: func(w io.Writer) error { return nil }}
	for want, c := range map[string]struct {
		metadata []weights.KeyValue
		tensors  []weights.Named
	}{
		`tensor "a" is there twice`:          {nil, []weights.Named{one, one}},
		`metadata "k" are there twice`:       {[]weights.KeyValue{{Key: "k", Value: "v"}, {Key: "k", Value: "v"}}, nil},
		`metadata "general.alignment"`:       {[]weights.KeyValue{{Key: "general.alignment", Value: uint32(64)}}, nil},
		`metadata "k": a value of type int:`: {[]weights.KeyValue{{Key: "k", Value: 1}}, nil},
		"only F32 is written":                {nil, []weights.Named{weights.FromInt64s("a", []int{1}, []int64{1})}},
		"at most 4":                          {nil, []weights.Named{weights.FromFloat32s("a", []int{1, 1, 1, 1, 1}, []float32{1})}},
		"takes 8 bytes, and its data have 0": {nil, []weights.Named{short}},
	} {
		folder := t.TempDir()
		err := weights.WriteGGUF(filepath.Join(folder, "bad.gguf"), c.metadata, c.tensors)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q of an error, got %v", want, err)
		}
		if left, _ := filepath.Glob(folder + "/*"); len(left) > 0 {
			t.Errorf("%s: %q is left", want, left)
		}
	}
}
