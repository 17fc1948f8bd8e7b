package hooked_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// The files that other packages have written stand in internal/weights/testdata/numpy.
const numpyFiles = "../internal/weights/testdata/numpy/"

// TestReadArrays reads what NumPy and PyTorch have written: values as make_numpy.py and
// make_torch_arrays.py make them.
func TestReadArrays(t *testing.T) {
	fortran := hooked.Must(hooked.ReadArrays(numpyFiles + "fortran.npy"))["fortran"]
	if !slices.Equal(fortran.Shape, []int{2, 3, 4}) || fortran.Data[0] != -5.5 || fortran.Data[1] != -4.5 || fortran.Data[23] != 17.5 {
		t.Errorf("fortran: %v", fortran)
	}
	run := hooked.Must(hooked.ReadArrays(numpyFiles + "run.pt"))
	if a := run["state_dicts.1.W"]; len(run) != 9 || a == nil || !slices.Equal(a.Data, []float32{1, 1}) || run["lr"].Data[0] != 0.25 {
		t.Errorf("run: %v", run)
	}
	if _, err := hooked.ReadArrays(numpyFiles + "i4.npy"); err == nil || !strings.Contains(err.Error(), `array "i4": float32 cannot hold value 1, 2147483647: read it with ReadTensors`) {
		t.Errorf("error %v", err)
	}
	for name, want := range map[string]string{
		"i4": "[dim0=2] int32 [-2147483648,  2147483647]", "u8": "[dim0=2] uint64 [            0, 1099511627776]", "b1": "[dim0=3] bool [ true, false,  true]",
		"f2": "float16", "f8": "float64", "scalar": "2.5",
	} {
		if got := hooked.Must(hooked.ReadTensors(numpyFiles + name + ".npy"))[name].String(); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for path, want := range map[string]string{
		numpyFiles + "bad_object.npy": "Python objects", numpyFiles + "nothing.npy": "no such file", numpyFiles + "values.json": "unknown kind of file",
		"testdata/nowhere": "no such file", numpyFiles + "bad_loop.pt": "nested too deep",
	} {
		if _, err := hooked.ReadArrays(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

// TestSave checks that what is saved is read again bit for bit.
func TestSave(t *testing.T) {
	sd := hooked.StateDict{"embed.W_E": {Shape: []int{2, 3}, Data: []float32{1, -2, float32(math.Copysign(0, -1)), 1e-40, float32(math.NaN()), 3.3e38}},
		"scalar": {Shape: []int{}, Data: []float32{0.1}}, "none": {Shape: []int{0, 3}}}
	for _, ending := range []string{".safetensors", ".npz"} {
		path := filepath.Join(t.TempDir(), "sd"+ending)
		if err := sd.Save(path); err != nil {
			t.Fatal(err)
		}
		again := hooked.Must(hooked.ReadArrays(path))
		if len(again) != len(sd) {
			t.Errorf("%s: %v", ending, again)
		}
		for name, a := range sd {
			same := func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }
			if got := again[name]; !slices.Equal(got.Shape, a.Shape) || !slices.EqualFunc(got.Data, a.Data, same) {
				t.Errorf("%s: %s is %v, want %v", ending, name, got, a)
			}
		}
	}
	half := hooked.StateDict{"x": {Shape: []int{3}, Data: []float32{1, 0.1, -3.14159}}}
	path := filepath.Join(t.TempDir(), "half.safetensors")
	// torch.tensor([1, 0.1, -3.14159]).to(torch.bfloat16) and .half(), as float32
	for precision, want := range map[hooked.DType][]float32{hooked.BF16: {1, 0.10009765625, -3.140625}, hooked.F16: {1, 0.0999755859375, -3.140625}} {
		if err := half.Save(path, precision); err != nil {
			t.Fatal(err)
		}
		if got := hooked.Must(hooked.ReadArrays(path))["x"].Data; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", precision, got, want)
		}
	}
	for want, save := range map[string]func() error{
		"want .npy, .npz, .safetensors": func() error { return half.Save("x.pt") },
		"holds one array, and 3 are":    func() error { return sd.Save("x.npy") },
		"3.3e+38 is too large for F16": func() error {
			return hooked.StateDict{"x": {Shape: []int{1}, Data: []float32{3.3e38}}}.Save(path, hooked.F16)
		},
		"takes one precision":          func() error { return half.Save(path, "float8") },
		`weight "x": the array is nil`: func() error { return hooked.StateDict{"x": nil}.Save(path) },
		"has 1 values, want 2":         func() error { return hooked.StateDict{"x": {Shape: []int{2}, Data: []float32{1}}}.Save(path) },
		"no such file or directory":    func() error { return half.Save(filepath.Join(path, "in", "x.npz")) },
	} {
		if err := save(); err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "not a directory") {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

// TestWriteArrays checks that tensors keep their types in files.
func TestWriteArrays(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		wU := hooked.Must(m.WU())
		for _, ending := range []string{".safetensors", ".npz"} {
			path := filepath.Join(t.TempDir(), "x"+ending)
			err := hooked.WriteArrays(path, map[string]any{"tokens": hooked.Tokens{{1, 2}}, "rows": [][]float32{{0.5}}, "mask": wU.Gt(0), "W": wU,
				"far": []int64{1 << 40}, "array": &hooked.Array{Shape: []int{1}, Data: []float32{3}}, "one": 1.5})
			if err != nil {
				t.Fatal(err)
			}
			again := hooked.Must(hooked.ReadTensors(path))
			for name, want := range map[string]string{"tokens": "[dim0=1 dim1=2] int32 [[1, 2]]", "rows": "[dim0=1 dim1=1] [[0.5000]]",
				"far": "[dim0=1] int64 [1099511627776]", "array": "[dim0=1] [3.]", "one": "1.5"} {
				if got := again[name].String(); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
			if !slices.Equal(again["W"].Float32s(), wU.Float32s()) || !slices.Equal(again["mask"].Ints(), wU.Gt(0).Ints()) || again["mask"].DType() != "bool" {
				t.Error("a tensor has changed")
			}
		}
		if err := hooked.WriteArrays("x.npz", map[string]any{"x": "text"}); err == nil || !strings.Contains(err.Error(), `array "x": text of type string`) {
			t.Errorf("error %v", err)
		}
	})
	stored := hooked.Must(hooked.ReadTensors(numpyFiles + "f2.npy"))["f2"]
	path := filepath.Join(t.TempDir(), "f2.npy")
	if err := hooked.WriteArrays(path, map[string]any{"x": stored}); err != nil {
		t.Fatal(err)
	}
	want, got := hooked.Must(os.ReadFile(numpyFiles+"f2.npy")), hooked.Must(os.ReadFile(path))
	if !slices.Equal(want, got) {
		t.Error("float16 is not written as NumPy does")
	}
}

func ExampleReadArrays() {
	// or .npy, .npz, .safetensors
	arrays, err := hooked.ReadArrays("../internal/weights/testdata/numpy/probe.pt")
	if err != nil {
		fmt.Println(err)
		return
	}
	probe := hooked.Must(hooked.NewTensor(arrays["probe"], "d_model option"))
	fmt.Println(probe)
	// Output:
	// [d_model=4 option=3]
	// [[ 0.,  4.,  8.],
	//  [ 1.,  5.,  9.],
	//  [ 2.,  6., 10.],
	//  [ 3.,  7., 11.]]
}
