package weights_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/weights"
)

// numpyValues is what NumPy reads from the files that testdata/make_numpy.py makes. NaN and
// infinities are texts.
func numpyValues(t *testing.T) map[string]struct {
	Shape  []int
	Values []any
} {
	t.Helper()
	var want map[string]struct {
		Shape  []int
		Values []any
	}
	if err := json.Unmarshal(readFile(t, "testdata/numpy/values.json"), &want); err != nil {
		t.Fatal(err)
	}
	return want
}

func floatsOfJSON(values []any) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case bool:
			if v {
				out[i] = 1
			}
		case float64:
			out[i] = float32(v)
		case string:
			out[i] = map[string]float32{"nan": float32(math.NaN()), "inf": float32(math.Inf(1)), "-inf": float32(math.Inf(-1))}[v]
		}
	}
	return out
}

func openArrays(t testing.TB, path string) *weights.File {
	t.Helper()
	f, err := weights.OpenArrays(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// sameFloats compares bit for bit, but takes one NaN for another.
func sameFloats(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
	})
}

func TestNpy(t *testing.T) {
	for name, want := range numpyValues(t) {
		if strings.HasPrefix(name, "npz:") {
			continue
		}
		f := openArrays(t, "testdata/numpy/"+name+".npy")
		x := tensor(t, f, name)
		if f.Format() != weights.Npy || !slices.Equal(x.Shape, want.Shape) || !sameFloats(float32s(t, x), floatsOfJSON(want.Values)) {
			t.Errorf("%s: %s %v %v, want %v %v", name, x.DType, x.Shape, float32s(t, x), want.Shape, want.Values)
		}
	}
	for name, want := range map[string]int64{"i8": -1 << 40, "i4": math.MinInt32, "big_i2": -3, "u1": 0} {
		if got, err := tensor(t, openArrays(t, "testdata/numpy/"+name+".npy"), name).Int64s(); err != nil || got[0] != want {
			t.Errorf("%s: %v, %v; want %d first", name, got, err, want)
		}
	}
}

func TestNpz(t *testing.T) {
	want := numpyValues(t)
	for _, file := range []string{"stored", "deflated"} {
		f := openArrays(t, "testdata/numpy/"+file+".npz")
		if got := f.Names(); !slices.Equal(got, []string{"arr_0", "second", "turned", "weights/first"}) {
			t.Errorf("%s: names %q", file, got)
		}
		for _, name := range f.Names() {
			x, w := tensor(t, f, name), want["npz:"+name]
			if !slices.Equal(x.Shape, w.Shape) || !sameFloats(float32s(t, x), floatsOfJSON(w.Values)) {
				t.Errorf("%s: %s: %v", file, name, float32s(t, x))
			}
		}
	}
}

func TestTorchArrays(t *testing.T) {
	x := tensor(t, openArrays(t, "testdata/numpy/probe.pt"), "probe")
	if want := []float32{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}; !slices.Equal(x.Shape, []int{4, 3}) || !slices.Equal(float32s(t, x), want) {
		t.Errorf("probe: %v %v", x.Shape, float32s(t, x))
	}
	f := openArrays(t, "testdata/numpy/run.pt")
	want := map[string][]float32{"state_dicts.0.W": {0, 0}, "state_dicts.0.b": {0}, "state_dicts.1.W": {1, 1}, "state_dicts.1.b": {1},
		"epochs.0": {0}, "epochs.1": {100}, "lr": {0.25}, "done": {1}, "3": {7, -7}}
	if got := f.Names(); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("names %q", got)
	}
	for name, values := range want {
		if got := float32s(t, tensor(t, f, name)); !slices.Equal(got, values) {
			t.Errorf("%s: %v, want %v", name, got, values)
		}
	}
}

// TestBadArrays checks that each file that is no array tells why.
func TestBadArrays(t *testing.T) {
	for file, want := range map[string]string{
		"bad_object.npy": "Python objects", "bad_text.npy": `type "<U2", texts`, "bad_bytes.npy": "texts", "bad_complex.npy": "complex numbers",
		"bad_date.npy": "dates", "bad_fields.npy": "records of several fields", "bad_wide.npy": "floats of an unusual width", "bad_bfloat16.npy": "as those of bfloat16 are saved",
		"bad_foreign.npz": `entry "readme.txt" is no .npy file`, "bad_lzma.npz": "method 14", "bad_nothing.pt": "without tensors or numbers",
		"bad_loop.pt": "nested too deep", "bad_shared.pt": "too many values", "values.json": "want one of .bin .gguf .npy .npz .pt",
	} {
		f, err := weights.OpenArrays("testdata/numpy/" + file)
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v, want one that names it and says %q", file, err, want)
		}
	}
}

// npyFile is a .npy file with this header.
func npyFile(header string, data []byte) []byte {
	return slices.Concat([]byte("\x93NUMPY\x01\x00"), []byte{byte(len(header)), byte(len(header) >> 8)}, []byte(header), data)
}

// TestLyingNpy checks headers that promise other than what follows.
func TestLyingNpy(t *testing.T) {
	for header, want := range map[string]string{
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}":              "take other than the 8 bytes",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 16,)}": "take other than the 8 bytes",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}":                          "take other than the 8 bytes",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}":                         "no tuple",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2)":                            "no comma between entries",
		"{'descr': '<f4', 'fortran_order': False, 'shape': 2}":                             "no tuple",
		"{'descr': '<f4', 'fortran_order': 1, 'shape': (2,)}":                              "neither True nor False",
		"{'descr': '<f4', 'shape': (2,)}":                                                  "want the keys",
		"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}":          `key "descr"`,
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} 1":                        "nothing else",
		"{'descr': '=f4', 'fortran_order': False, 'shape': (2,)}":                          `type "=f4"`,
		"{'descr': '', 'fortran_order': False, 'shape': (2,)}":                             "several fields",
		"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}":                 "several fields",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (" + strings.Repeat("1,", 65):   "at most 64 sizes",
		"": "no dict",
	} {
		path := writeFile(t, "x.npy", npyFile(header, make([]byte, 8)))
		f, err := weights.OpenArrays(path)
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that says %q", header, err, want)
		}
	}
}

// TestArraysTruncated cuts files at every length: each must be noticed.
func TestArraysTruncated(t *testing.T) {
	for _, file := range []string{"f4.npy", "version3.npy", "stored.npz", "deflated.npz", "probe.pt"} {
		whole := readFile(t, "testdata/numpy/"+file)
		path := writeFile(t, file, whole)
		for n := len(whole) - 1; n >= 0; n-- {
			if err := os.Truncate(path, int64(n)); err != nil {
				t.Fatal(err)
			}
			if f, err := weights.OpenArrays(path); err == nil {
				f.Close()
				t.Errorf("%s cut to %d of %d bytes was accepted", file, n, len(whole))
			}
		}
	}
}

// TestWriteNpy compares the files that we write with NumPy's own, byte by byte.
func TestWriteNpy(t *testing.T) {
	for _, name := range []string{"f4", "f8", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1", "scalar", "empty", "special"} {
		original := "testdata/numpy/" + name + ".npy"
		path := filepath.Join(t.TempDir(), "copy.npy")
		if err := weights.WriteNpy(path, weights.FromTensor(tensor(t, openArrays(t, original), name))); err != nil {
			t.Fatal(err)
		}
		want, got := readFile(t, original), readFile(t, path)
		if !bytes.Equal(want, got) {
			t.Errorf("%s: written as\n%q, NumPy's is\n%q", name, got[:min(len(got), 128)], want[:min(len(want), 128)])
		}
	}
	turned := tensor(t, openArrays(t, "testdata/numpy/fortran_big.npy"), "fortran_big")
	path := filepath.Join(t.TempDir(), "all.npz")
	arrays := []weights.Named{weights.FromTensor(turned), weights.FromRounded("half", weights.F16, []int{2}, []float32{0.1, -2})}
	if err := weights.WriteNpz(path, arrays); err != nil {
		t.Fatal(err)
	}
	f := openArrays(t, path)
	if got := float32s(t, tensor(t, f, "fortran_big")); !slices.Equal(got, float32s(t, turned)) {
		t.Errorf("fortran_big: %v", got)
	}
	// numpy.float16(0.1)
	if got := float32s(t, tensor(t, f, "half")); !slices.Equal(got, []float32{0.099975586, -2}) {
		t.Errorf("half: %v", got)
	}
}

// TestWriteRefuses checks that what a format or a type cannot hold is refused, and that the file
// which was there stays.
func TestWriteRefuses(t *testing.T) {
	path := writeFile(t, "x.npy", []byte("before"))
	for want, n := range map[string]weights.Named{
		"NumPy has no type BF16":     weights.FromRounded("x", weights.BF16, []int{1}, []float32{1}),
		"70000 is too large for F16": weights.FromRounded("x", weights.F16, []int{1}, []float32{70000}),
		"takes 8 bytes":              weights.FromFloat32s("x", []int{2}, []float32{1}),
		"cannot be rounded to I8":    weights.FromRounded("x", weights.I8, []int{1}, []float32{1}),
		"NumPy has no type Q4_0":     {Name: "x", DType: weights.Q4_0, Shape: []int{32}},
	} {
		err := weights.WriteNpy(path, n)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	if got := string(readFile(t, path)); got != "before" {
		t.Errorf("the file became %q", got)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("a failed write leaves %v", entries)
	}
}
