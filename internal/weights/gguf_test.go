package weights_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/weights"
)

// TestDequantise holds every type against what the Python package gguf makes of
// the same bytes. Both round each product and each sum to float32, so the values
// must be equal to the last bit.
func TestDequantise(t *testing.T) {
	f, want := open(t, "testdata/types.gguf"), open(t, "testdata/types_expected.safetensors")
	if !slices.Equal(f.Names(), want.Names()) || len(f.Names()) != 23 {
		t.Fatalf("names %q, want %q", f.Names(), want.Names())
	}
	for _, name := range f.Names() {
		got, want := tensor(t, f, name), tensor(t, want, name)
		if !slices.Equal(got.Shape, want.Shape) {
			t.Errorf("%s: shape %v, want %v", name, got.Shape, want.Shape)
			continue
		}
		if dtype := weights.DType(strings.TrimPrefix(name, "quantised.")); got.DType != dtype {
			t.Errorf("%s: type %s", name, got.DType)
		}
		a, b := float32s(t, got), float32s(t, want)
		for i := range a {
			if a[i] != b[i] {
				t.Errorf("%s: value %d is %v, want %v", name, i, a[i], b[i])
				break
			}
		}
	}
}

// TestParallelDecoding: a tensor large enough to be split among processors holds
// the same values as its blocks alone.
func TestParallelDecoding(t *testing.T) {
	const copies = 200 // of 1024 values: several times what one goroutine takes
	small := tensor(t, open(t, "testdata/types.gguf"), "Q4_1")
	data := bytes.Repeat(small.Raw(), copies)
	path := writeFile(t, "big.gguf", ggufFile(nil, []ggufInfo{{"w", []uint64{512, 2 * copies}, 3, 0}}, data))
	got := float32s(t, tensor(t, open(t, path), "w"))
	one := float32s(t, small)
	for i := range copies {
		if !slices.Equal(got[i*len(one):(i+1)*len(one)], one) {
			t.Fatalf("copy %d differs", i)
		}
	}
}

func TestGGUFMetadata(t *testing.T) {
	want := map[string]any{ // as written by testdata/make_fixtures.py
		"general.architecture": "test",
		"value.uint8":          uint8(200), "value.int8": int8(-100),
		"value.uint16": uint16(60000), "value.int16": int16(-30000),
		"value.uint32": uint32(4000000000), "value.int32": int32(-2000000000),
		"value.uint64": uint64(1<<63 + 1), "value.int64": int64(-1 << 62),
		"value.float32": float32(0.1), "value.float64": 0.1,
		"value.bool": true, "value.string": "Ġgrüße",
		"array.string": []string{"a", "", "Ġgrüße"}, "array.int32": []int32{1, -2, 3},
		"array.float32": []float32{0.5, -0.25}, "array.bool": []bool{true, false},
	}
	got := open(t, "testdata/types.gguf").Metadata()
	for key, value := range want {
		if !reflect.DeepEqual(got[key], value) {
			t.Errorf("%s: got %#v, want %#v", key, got[key], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d values, want %d: %v", len(got), len(want), got)
	}
}

func TestGGUFTruncated(t *testing.T) {
	whole := readFile(t, "testdata/types.gguf")
	// The writer pads the end of the data to 32 bytes; the last tensor ends before.
	last := 0
	for x := range open(t, "testdata/types.gguf").Tensors() {
		last = bytes.Index(whole, x.Raw()) + len(x.Raw())
	}
	everyTruncation(t, "cut.gguf", whole, last)
}

// ggufInfo describes a tensor as the file does: innermost dimension first.
type ggufInfo struct {
	name   string
	dims   []uint64
	kind   uint32
	offset uint64
}

// ggufFile puts a file together by hand, so that a test can lie in it. Each of the
// key-values is the bytes after its key.
func ggufFile(values map[string][]byte, infos []ggufInfo, data []byte) []byte {
	le := binary.LittleEndian
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	b := le.AppendUint32([]byte("GGUF"), 3)
	b = le.AppendUint64(le.AppendUint64(b, uint64(len(infos))), uint64(len(values)))
	for key, value := range values {
		b = append(text(b, key), value...)
	}
	for _, t := range infos {
		b = le.AppendUint32(text(b, t.name), uint32(len(t.dims)))
		for _, d := range t.dims {
			b = le.AppendUint64(b, d)
		}
		b = le.AppendUint64(le.AppendUint32(b, t.kind), t.offset)
	}
	for len(b)%32 != 0 {
		b = append(b, 0)
	}
	return append(b, data...)
}

func u32(values ...uint32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// badGGUFs are files with 64 bytes of data, each with one fault.
var badGGUFs = []struct {
	fault, want string
	values      map[string][]byte
	infos       []ggufInfo
}{
	{fault: "past the end", infos: []ggufInfo{{"a", []uint64{17}, 0, 0}}, want: "68 bytes at offset 0"},
	{fault: "offset past the end", infos: []ggufInfo{{"a", []uint64{1}, 0, 1 << 63}}, want: "4 bytes at offset 9223372036854775808"},
	{fault: "overlap", infos: []ggufInfo{{"a", []uint64{9}, 0, 0}, {"b", []uint64{1}, 0, 32}}, want: `tensor "b": its data begin at 32, inside`},
	{fault: "name twice", infos: []ggufInfo{{"a", []uint64{1}, 0, 0}, {"a", []uint64{1}, 0, 32}}, want: "occurs twice"},
	{fault: "five dimensions", infos: []ggufInfo{{"a", []uint64{1, 1, 1, 1, 1}, 0, 0}}, want: "at most 4"},
	{fault: "huge dimension", infos: []ggufInfo{{"a", []uint64{math.MaxUint64}, 0, 0}}, want: "dimension of 18446744073709551615"},
	{fault: "shape that overflows", infos: []ggufInfo{{"a", []uint64{1 << 32, 1 << 32, 2}, 0, 0}}, want: "is impossible for type F32"},
	{fault: "not whole blocks", infos: []ggufInfo{{"a", []uint64{16, 2}, 2, 0}}, want: "is impossible for type Q4_0"},
	{fault: "unknown type", infos: []ggufInfo{{"a", []uint64{32}, 99, 0}}, want: "ggml type number 99 is not supported (known: "},
	{fault: "alignment zero", values: map[string][]byte{"general.alignment": u32(4, 0)}, want: "power of two"},
	{fault: "alignment odd", values: map[string][]byte{"general.alignment": u32(4, 33)}, want: "power of two"},
	{fault: "alignment of text", values: map[string][]byte{"general.alignment": u32(8, 0, 0)}, want: "power of two"},
	{fault: "one of several parts", values: map[string][]byte{"split.count": append(u32(2), 2, 0)}, want: "one of 2 parts: give all of them their names back"},
	{fault: "value of unknown type", values: map[string][]byte{"k": u32(77)}, want: `metadata "k": value of unknown type 77`},
	{fault: "array that lies", values: map[string][]byte{"k": u32(9, 0, 0xffffffff, 0xffffffff)}, want: "ends too soon"},
	{fault: "strings that lie", values: map[string][]byte{"k": u32(9, 8, 0xffffffff, 0)}, want: "ends too soon"},
	{fault: "nested array", values: map[string][]byte{"k": u32(9, 9, 1, 0)}, want: "unsupported type 9"},
}

func TestBadGGUF(t *testing.T) {
	for _, c := range badGGUFs {
		t.Run(c.fault, func(t *testing.T) {
			path := writeFile(t, "bad.gguf", ggufFile(c.values, c.infos, make([]byte, 64)))
			if err := openError(t, path); !strings.Contains(err, c.want) || !strings.Contains(err, path) {
				t.Errorf("error %q does not tell the file and %q", err, c.want)
			}
		})
	}
}

// badGGUFHeads are beginnings that are no GGUF of a version that is known.
var badGGUFHeads = map[string]struct{ head, want string }{
	"empty":       {"", `begins with "", not "GGUF"`},
	"not GGUF":    {"GGML\x03\x00\x00\x00", `begins with "GGML"`},
	"version 1":   {"GGUF\x01\x00\x00\x00", "version is 1"},
	"version 4":   {"GGUF\x04\x00\x00\x00", "version is 4"},
	"big-endian":  {"GGUF\x00\x00\x00\x03", "or it is big-endian"},
	"counts only": {"GGUF\x03\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x7f", "ends too soon"},
}

func TestBadGGUFHead(t *testing.T) {
	for name, c := range badGGUFHeads {
		if err := openError(t, writeFile(t, "bad.gguf", []byte(c.head))); !strings.Contains(err, c.want) {
			t.Errorf("%s: error %q does not tell %q", name, err, c.want)
		}
	}
}

// TestUnsupportedQuantisation: what ggml has no more is refused by its name, with what to do.
func TestUnsupportedQuantisation(t *testing.T) {
	for kind, name := range map[uint32]string{4: "Q4_2", 9: "Q8_1", 33: "Q4_0_8_8", 38: "IQ4_NL_8_8", 41: "Q1_0"} {
		info := ggufInfo{"blk.0.w", []uint64{32}, kind, 0}
		err := openError(t, writeFile(t, "old.gguf", ggufFile(nil, []ggufInfo{info}, make([]byte, 64))))
		for _, want := range []string{`tensor "blk.0.w": ggml type ` + name + " is not supported (known: BF16", "llama-quantize"} {
			if !strings.Contains(err, want) {
				t.Errorf("error %q does not tell %q", err, want)
			}
		}
	}
}
