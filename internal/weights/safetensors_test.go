package weights_test

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

// safetensorsFile writes a file with the given header text and size of data.
func safetensorsFile(t *testing.T, header string, dataSize int) string {
	t.Helper()
	text := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	text = append(append(text, header...), make([]byte, dataSize)...)
	return writeFile(t, "bad.safetensors", text)
}

// badHeaders are headers over 8 bytes of data, each with one fault, and a part of
// the error that it must give.
var badHeaders = []struct{ fault, header, want string }{
	{"not JSON", `nonsense`, "not a safetensors header"},
	{"an array", `[]`, "not a safetensors header"},
	{"cut off", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]`, "not a safetensors header"},
	{"text after it", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}{}`, "something follows"},
	{"no offsets", `{"a":{"dtype":"F32","shape":[2]}}`, "data_offsets"},
	{"no shape", `{"a":{"dtype":"F32","data_offsets":[0,8]}}`, "shape is missing"},
	{"three offsets", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, "data_offsets"},
	{"offsets not whole", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8.5]}}`, "not a safetensors header"},
	{"past the end", `{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, "0 to 16 of 8 bytes"},
	{"before the beginning", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, "begin at -8"},
	{"end before start", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,-8]}}`, "0 to -8"},
	{"gap", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "begin at 4"},
	{"overlap", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, `tensor "b": its data begin at 4`},
	{"not all described", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "4 bytes of data are described"},
	{"shape too small", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}`, "do not fill"},
	{"negative shape", `{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, "do not fill"},
	{"shape that overflows", `{"a":{"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}}`, "do not fill"},
	{"shape that overflows to the right size", `{"a":{"dtype":"F32","shape":[4611686018427387905,2],"data_offsets":[0,8]}}`, "do not fill"},
	{"unknown type", `{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}}`, `type "F4" is not supported`},
	{"a type of ggml", `{"a":{"dtype":"Q4_0","shape":[2],"data_offsets":[0,8]}}`, `type "Q4_0" is not supported`},
	{"name twice", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "occurs twice"},
	{"metadata not strings", `{"__metadata__":{"a":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "__metadata__"},
}

func TestBadHeader(t *testing.T) {
	for _, c := range badHeaders {
		t.Run(c.fault, func(t *testing.T) {
			path := safetensorsFile(t, c.header, 8)
			if err := openError(t, path); !strings.Contains(err, c.want) || !strings.Contains(err, path) {
				t.Errorf("error %q does not tell the file and %q", err, c.want)
			}
		})
	}
}

func TestHeaderLengthLies(t *testing.T) {
	for name, content := range map[string][]byte{
		"empty":         {},
		"seven bytes":   make([]byte, 7),
		"longer":        append(binary.LittleEndian.AppendUint64(nil, 3), "{}"...),
		"wraps int64":   append(binary.LittleEndian.AppendUint64(nil, 1<<63), "{}"...),
		"all bits set":  append(binary.LittleEndian.AppendUint64(nil, 1<<64-1), "{}"...),
		"ends too soon": append(binary.LittleEndian.AppendUint64(nil, 1), "{}"...),
	} {
		t.Run(name, func(t *testing.T) {
			err := openError(t, writeFile(t, "bad.safetensors", content))
			if !strings.Contains(err, "damaged or incomplete: fetch it again") {
				t.Errorf("error %q does not say what to do", err)
			}
		})
	}
}

// TestTypes reads the file that the Python package wrote; the values stand in
// testdata/make_fixtures.py.
func TestTypes(t *testing.T) {
	f := open(t, "testdata/types.safetensors")
	if want := map[string]any{"format": "pt", "origin": "grüße"}; !maps.Equal(f.Metadata(), want) {
		t.Errorf("metadata %v, want %v", f.Metadata(), want)
	}
	x := []float32{1.5, -2, 0.1, 0, 65504, -1e-7}
	floats := map[string][]float32{
		"F64": x, "F32": x,
		// Rounded to 11 significant bits (and steps of 2^-24), to nearest.
		"F16": {1.5, -2, 0.0999755859375, 0, 65504, -1.0 / (1 << 23)},
		// The upper half of the float32: rounded towards zero to 8 significant bits.
		"BF16":   {1.5, -2, 0.099609375, 0, 65280, -9.9651515483856201171875e-08},
		"scalar": {2.5}, "empty": {}, "BOOL": {1, 0, 1},
	}
	for name, want := range floats {
		if got := float32s(t, tensor(t, f, name)); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	whole := map[string][]int64{
		"I8": {math.MinInt8, 1, math.MaxInt8}, "U8": {0, 1, math.MaxUint8},
		"I16": {math.MinInt16, 1, math.MaxInt16}, "U16": {0, 1, math.MaxUint16},
		"I32": {math.MinInt32, 1, math.MaxInt32}, "U32": {0, 1, math.MaxUint32},
		"I64": {math.MinInt64, 1, math.MaxInt64}, "U64": {0, 1, math.MaxInt64},
		"BOOL": {1, 0, 1},
	}
	for name, want := range whole {
		if got, err := tensor(t, f, name).Int64s(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, want)
		}
	}
}

func TestTensorsInFileOrder(t *testing.T) {
	var got []string
	for x, err := range open(t, "testdata/types.safetensors").Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, x.Name)
	}
	// The Python package sorts by width and then by name.
	want := []string{"U64", "I64", "F64", "F32", "empty", "scalar", "U32", "I32", "BF16", "F16", "U16", "I16", "I8", "U8", "BOOL"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTruncated(t *testing.T) {
	whole := readFile(t, "testdata/types.safetensors")
	everyTruncation(t, "cut.safetensors", whole, len(whole))
	openError(t, writeFile(t, "long.safetensors", append(whole, 0)))
}
