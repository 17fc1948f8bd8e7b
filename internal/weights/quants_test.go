package weights_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"testing"
)

// quantCase is what testdata/quants.json says of a type.
type quantCase struct {
	Number   uint32
	Elements int
	Bytes    int
	Scales   []int // where float16 scales lie in a block
	SHA256   string
}

// TestDequantiseEveryPattern holds every block type against what the Python package gguf makes of
// blocks of every pattern, to the last bit of each value: testdata/make_grids.py makes the same
// blocks.
func TestDequantiseEveryPattern(t *testing.T) {
	var said struct {
		Blocks int
		Types  map[string]quantCase
	}
	if err := json.Unmarshal(readFile(t, "testdata/quants.json"), &said); err != nil {
		t.Fatal(err)
	}
	if len(said.Types) != 23 {
		t.Errorf("%d types, want 23", len(said.Types))
	}
	for name, c := range said.Types {
		t.Run(name, func(t *testing.T) {
			raw := c.blocks(said.Blocks)
			info := ggufInfo{"w", []uint64{uint64(c.Elements), uint64(said.Blocks)}, c.Number, 0}
			path := writeFile(t, name+".gguf", ggufFile(nil, []ggufInfo{info}, raw))
			got := tensor(t, open(t, path), "w")
			if string(got.DType) != name {
				t.Fatalf("type %s", got.DType)
			}
			var values bytes.Buffer
			for _, v := range float32s(t, got) {
				values.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
			}
			if sum := fmt.Sprintf("%x", sha256.Sum256(values.Bytes())); sum != c.SHA256 {
				t.Errorf("the values' SHA-256 is %s, want %s", sum, c.SHA256)
			}
		})
	}
}

// TestFloat8 holds all 256 bytes of each float of eight bits against torch's types, as
// testdata/make_float8.py has saved them.
func TestFloat8(t *testing.T) {
	f, want := open(t, "testdata/float8.safetensors"), open(t, "testdata/float8_expected.safetensors")
	if len(f.Names()) != 5 {
		t.Errorf("%d types, want 5", len(f.Names()))
	}
	for _, name := range f.Names() {
		got := tensor(t, f, name)
		if string(got.DType) != name {
			t.Errorf("%s: type %s", name, got.DType)
		}
		values, want := float32s(t, got), float32s(t, tensor(t, want, name))
		if len(values) != 256 {
			t.Fatalf("%s: %d values", name, len(values))
		}
		for i, v := range values {
			isNaN := v != v && want[i] != want[i]
			if !isNaN && math.Float32bits(v) != math.Float32bits(want[i]) {
				t.Errorf("%s: byte %#x is %v, want %v", name, i, v, want[i])
			}
		}
	}
}

// blocks are n blocks of noise, as make_grids.py makes them.
func (c quantCase) blocks(n int) []byte {
	raw, x := make([]byte, n*c.Bytes), uint32(20261128)
	for i := range raw {
		x = 1664525*x + 1013904223
		raw[i] = byte(x >> 24)
	}
	for i := range n {
		for _, at := range c.Scales {
			raw[i*c.Bytes+at+1] &= 0xbf
		}
	}
	return raw
}
