package weights_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/weights"
)

// The values of the state dict in testdata/make_torch.py.
var torchWant = []struct {
	name   string
	dtype  weights.DType
	shape  []int
	values []float32
}{
	{"w", weights.F32, []int{2, 3}, []float32{0, 1, 2, 3, 4, 5}},
	{"tied", weights.F32, []int{2, 3}, []float32{0, 1, 2, 3, 4, 5}},
	{"transposed", weights.F32, []int{3, 2}, []float32{0, 3, 1, 4, 2, 5}},
	{"row", weights.F32, []int{3}, []float32{3, 4, 5}},
	{"column", weights.F32, []int{2}, []float32{1, 4}},
	{"parameter", weights.F32, []int{2}, []float32{0.5, -0.25}},
	{"scalar", weights.F32, []int{}, []float32{2.5}},
	{"empty", weights.F32, []int{0, 3}, []float32{}},
	{"DoubleStorage", weights.F64, []int{1}, []float32{0.1}},
	{"HalfStorage", weights.F16, []int{2}, []float32{0.5, -2}},
	{"LongStorage", weights.I64, []int{2}, []float32{math.MinInt64, math.MaxInt64}},
	{"IntStorage", weights.I32, []int{2}, []float32{math.MinInt32, math.MaxInt32}},
	{"ShortStorage", weights.I16, []int{2}, []float32{math.MinInt16, math.MaxInt16}},
	{"CharStorage", weights.I8, []int{2}, []float32{math.MinInt8, math.MaxInt8}},
	{"ByteStorage", weights.U8, []int{2}, []float32{0, 255}},
	{"BoolStorage", weights.Bool, []int{2}, []float32{1, 0}},
}

func TestTorch(t *testing.T) {
	for _, file := range []string{"protocol2", "protocol3", "protocol4", "protocol5", "training"} {
		t.Run(file, func(t *testing.T) {
			f := open(t, "testdata/torch/"+file+".pt")
			if f.Format() != weights.Torch || len(f.Names()) != len(torchWant) {
				t.Fatalf("%s with tensors %q", f.Format(), f.Names())
			}
			for _, want := range torchWant {
				x := tensor(t, f, want.name)
				if got := float32s(t, x); x.DType != want.dtype || !slices.Equal(x.Shape, want.shape) || !slices.Equal(got, want.values) {
					t.Errorf("%s: %s %v %v, want %s %v %v", want.name, x.DType, x.Shape, got, want.dtype, want.shape, want.values)
				}
			}
			if got, err := tensor(t, f, "LongStorage").Int64s(); err != nil || !slices.Equal(got, []int64{math.MinInt64, math.MaxInt64}) {
				t.Errorf("LongStorage: %v, %v", got, err)
			}
		})
	}
}

// TestStridedView: a view that is not row-major has no bytes to show in place, and
// is written as what it means.
func TestStridedView(t *testing.T) {
	x := tensor(t, open(t, "testdata/torch/protocol2.pt"), "transposed")
	if v, ok := x.View(); ok {
		t.Errorf("a transposed tensor was viewed in place: %v", v)
	}
	path := t.TempDir() + "/copy.safetensors"
	if err := weights.WriteSafetensors(path, nil, []weights.Named{weights.FromTensor(x)}); err != nil {
		t.Fatal(err)
	}
	if got := float32s(t, tensor(t, open(t, path), "transposed")); !slices.Equal(got, []float32{0, 3, 1, 4, 2, 5}) {
		t.Errorf("written and read again: %v", got)
	}
}

// badTorch are the bad files that testdata/make_torch.py makes, and what each
// error must say. A name that is not allowed is told in full.
var badTorch = []struct{ file, want string }{
	{"os_system", "asks for posix.system; a checkpoint must not run code"},
	{"os_system_protocol4", "asks for posix.system"},
	{"nested_eval", "asks for builtins.eval"},
	{"subprocess", "asks for commands.Popen"}, // its name in protocol 2, which is Python 2's
	{"getattr", "asks for __builtin__.getattr"},
	{"object_of_class", "asks for os.system"},
	{"namespace", "asks for types.SimpleNamespace"},
	{"not_a_dict", "holds a tensor, not a state dict"},
	{"not_a_tensor", `entry "epoch" is 3, not a tensor`},
	{"number_for_name", "has 1 for a name"},
	{"past_the_end", `tensor "w": shape [3 2], strides [2 1] and offset 0 do not fit its storage of 4`},
	{"offset_past_the_end", "offset 4 do not fit"},
	{"negative_offset", "offset -1 do not fit"},
	{"negative_stride", "strides [-1] and offset 3 do not fit"},
	{"negative_shape", "shape [-2 -2]"},
	{"expanded", "shape [1099511627776 4], strides [0 1]"},
	{"overflow", "do not fit"},
	{"strides_missing", "strides [1]"},
	{"big_endian", `stored "big"-endian`},
	{"compressed", "is compressed"},
	{"empty_stack", "no mark on the stack"},
	{"no_stop", "ends too soon"},
	{"missing_storage", "lacks the entry data/9"},
	{"escaping_storage", "a storage described by"},
	{"wrong_count", `storage "0" has 16 bytes, which are not 5 elements`},
	{"old_format", "since version 1.6; load it in PyTorch"},
}

func TestBadTorch(t *testing.T) {
	for _, c := range badTorch {
		t.Run(c.file, func(t *testing.T) {
			path := "testdata/torch/" + c.file + ".pt"
			if err := openError(t, path); !strings.Contains(err, c.want) || !strings.Contains(err, path) {
				t.Errorf("error %q does not tell the file and %q", err, c.want)
			}
		})
	}
}

func TestTorchTruncated(t *testing.T) {
	whole := readFile(t, "testdata/torch/protocol2.pt")
	everyTruncation(t, "cut.pt", whole, len(whole))
}
