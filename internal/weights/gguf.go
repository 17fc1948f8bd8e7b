package weights

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gopherlens/internal/brief"
)

// A GGUF file is a header (magic, version, counts), key-values, a description of
// each tensor, padding, and the data, to which the tensors' offsets are relative.
//
// go-huggingface has a reader too. This one exists because that one decodes into
// GoMLX tensors only, trusts the counts and sizes that a file claims, and lets
// tensors overlap or share a name.

const (
	ggufMagic = "GGUF"
	// Version 1 had 32-bit counts and was gone within weeks of its release.
	ggufOldest, ggufNewest = 2, 3
	// ggufAlignment pads the data unless this key says otherwise.
	ggufAlignment    = 32
	ggufAlignmentKey = "general.alignment"
	// ggmlMaxDims is how many dimensions ggml's tensors have at most.
	ggmlMaxDims = 4
)

// ggufTensor describes one tensor as the file does.
type ggufTensor struct {
	name   string
	shape  []int // innermost dimension first
	kind   uint32
	offset uint64
}

// readGGUF is the [reader] of GGUF. Tensors come in the order of their data, which
// need not be that of their descriptions.
func readGGUF(m *mapping) ([]Tensor, map[string]any, error) {
	c := &cursor{rest: m.bytes}
	metadata, infos, err := parseGGUF(c)
	if err != nil {
		return nil, nil, damaged(m.path, "", "it is not a GGUF file that we can read (%v at byte %d)", err, len(m.bytes)-len(c.rest))
	}
	data, err := ggufData(m, c, metadata)
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(infos, func(a, b ggufTensor) int { return cmp.Compare(a.offset, b.offset) })
	tensors := make([]Tensor, 0, len(infos))
	end := uint64(0)
	for _, info := range infos {
		t, err := info.tensor(m.path, data, end)
		if err != nil {
			return nil, nil, err
		}
		tensors = append(tensors, t)
		end = info.offset + uint64(len(t.data))
	}
	return tensors, metadata, nil
}

// parseGGUF reads everything before the data.
func parseGGUF(c *cursor) (map[string]any, []ggufTensor, error) {
	if magic := c.bytes(4); string(magic) != ggufMagic {
		return nil, nil, brief.Errorf("it begins with %q, not %q", magic, ggufMagic)
	}
	if v := c.uint32(); v < ggufOldest || v > ggufNewest {
		return nil, nil, brief.Errorf("its version is %d, or it is big-endian; known are versions %d to %d, little-endian", v, ggufOldest, ggufNewest)
	}
	tensorCount, valueCount := c.uint64(), c.uint64()
	metadata, err := c.keyValues(valueCount)
	if err != nil {
		return nil, nil, err
	}
	var infos []ggufTensor
	for i := uint64(0); i < tensorCount && c.err == nil; i++ {
		infos = append(infos, c.tensorInfo())
	}
	return metadata, infos, c.err
}

// tensorInfo reads the description of one tensor.
func (c *cursor) tensorInfo() ggufTensor {
	t := ggufTensor{name: c.string()}
	dims := c.uint32()
	if dims > ggmlMaxDims {
		c.fail("tensor %q has %d dimensions, and ggml's have at most %d", t.name, dims, ggmlMaxDims)
		return t
	}
	for range dims {
		d := c.uint64()
		if d > math.MaxInt {
			c.fail("tensor %q has a dimension of %d", t.name, d)
			return t
		}
		t.shape = append(t.shape, int(d))
	}
	t.kind, t.offset = c.uint32(), c.uint64()
	return t
}

// ggufData cuts the data from the file: they begin at the next aligned byte.
func ggufData(m *mapping, c *cursor, metadata map[string]any) ([]byte, error) {
	align := ggufAlignment
	if v, ok := metadata[ggufAlignmentKey]; ok {
		given, ok := v.(uint32)
		if !ok || given == 0 || given&(given-1) != 0 {
			return nil, damaged(m.path, "", "%s is %v, and must be a power of two (uint32)", ggufAlignmentKey, v)
		}
		align = int(given)
	}
	used := len(m.bytes) - len(c.rest)
	from := (used + align - 1) / align * align
	return m.bytes[min(from, len(m.bytes)):], nil // a file of metadata only may lack the padding
}

// tensor checks a description against the data. end is where the previous tensor ended.
func (g ggufTensor) tensor(path string, data []byte, end uint64) (Tensor, error) {
	kind, named := ggmlTypes[g.kind]
	l, ok := layouts[kind]
	if !ok {
		if !named {
			kind = DType(fmt.Sprintf("number %d", g.kind))
		}
		return Tensor{}, unsupported(path, g.name, "ggml type %s is not supported (known: %s); take a file in another type, or make one with `llama-quantize --allow-requantize FILE OUT Q8_0`", kind, known())
	}
	shape := slices.Clone(g.shape)
	slices.Reverse(shape)
	size, ok := l.byteSize(shape)
	if !ok {
		return Tensor{}, damaged(path, g.name, "shape %v is impossible for type %s", shape, kind)
	}
	if g.offset < end {
		return Tensor{}, damaged(path, g.name, "its data begin at %d, inside those of another tensor that end at %d", g.offset, end)
	}
	if g.offset > uint64(len(data)) || uint64(size) > uint64(len(data))-g.offset {
		return Tensor{}, damaged(path, g.name, "%d bytes at offset %d are more than the %d that are there", size, g.offset, len(data))
	}
	from, to := int(g.offset), int(g.offset)+size
	return Tensor{Name: g.name, DType: kind, Shape: shape, data: data[from:to:to], path: path}, nil
}
