package weights

import (
	"encoding/binary"
	"math"

	"gopherlens/internal/brief"
)

// The types of metadata values that are not scalars.
const (
	ggufString = 8
	ggufArray  = 9
)

// ggufScalar decodes values of one fixed-size type, alone and in arrays.
type ggufScalar struct {
	size uint64
	one  func(b []byte) any
	many func(b []byte) any
}

var ggufScalars = map[uint32]ggufScalar{
	0:  scalar(1, func(b []byte) uint8 { return b[0] }),
	1:  scalar(1, func(b []byte) int8 { return int8(b[0]) }),
	2:  scalar(2, binary.LittleEndian.Uint16),
	3:  scalar(2, func(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b)) }),
	4:  scalar(4, binary.LittleEndian.Uint32),
	5:  scalar(4, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) }),
	6:  scalar(4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }),
	7:  scalar(1, func(b []byte) bool { return b[0] != 0 }),
	10: scalar(8, binary.LittleEndian.Uint64),
	11: scalar(8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }),
	12: scalar(8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }),
}

// scalar makes both decoders of a type from that of one value.
func scalar[T any](size int, decode func([]byte) T) ggufScalar {
	return ggufScalar{
		size: uint64(size),
		one:  func(b []byte) any { return decode(b) },
		many: func(b []byte) any {
			values := make([]T, len(b)/size)
			for i := range values {
				values[i] = decode(b[i*size:])
			}
			return values
		},
	}
}

// keyValues reads the metadata.
func (c *cursor) keyValues(n uint64) (map[string]any, error) {
	values := map[string]any{}
	for i := uint64(0); i < n && c.err == nil; i++ {
		key := c.string()
		value := c.value(c.uint32())
		if c.err != nil {
			return nil, brief.Errorf("metadata %q: %w", key, c.err)
		}
		if _, double := values[key]; double {
			return nil, brief.Errorf("metadata %q occurs twice", key)
		}
		values[key] = value
	}
	return values, c.err
}

// value reads one value of the given type.
func (c *cursor) value(kind uint32) any {
	if s, ok := ggufScalars[kind]; ok {
		if b := c.bytes(s.size); b != nil {
			return s.one(b)
		}
		return nil
	}
	switch kind {
	case ggufString:
		return c.string()
	case ggufArray:
		return c.array()
	}
	c.fail("value of unknown type %d", kind)
	return nil
}

// array reads an element type, a count, and the elements. An array of arrays is
// allowed by the format, used by nobody, and refused: it would let a small file
// nest without bound.
func (c *cursor) array() any {
	kind, n := c.uint32(), c.uint64()
	if kind == ggufString {
		return c.strings(n)
	}
	s, ok := ggufScalars[kind]
	if !ok {
		c.fail("array of unsupported type %d", kind)
		return nil
	}
	if n > uint64(len(c.rest))/s.size {
		c.fail("array of %d elements: %w", n, errEnds)
		return nil
	}
	return s.many(c.bytes(n * s.size))
}

// strings reads n strings. A vocabulary has some 10^5, so they share one copy of
// the bytes instead of having one each.
func (c *cursor) strings(n uint64) []string {
	if n > uint64(len(c.rest))/8 { // each has a length of 8 bytes
		c.fail("array of %d strings: %w", n, errEnds)
		return nil
	}
	whole := *c // a second cursor, to find where the array ends
	for range n {
		whole.bytes(whole.uint64())
	}
	if whole.err != nil {
		c.err = whole.err
		return nil
	}
	text := string(c.rest[:len(c.rest)-len(whole.rest)])
	values := make([]string, n)
	at := 0
	for i := range values {
		length := int(c.uint64())
		c.bytes(uint64(length))
		at += 8
		values[i] = text[at : at+length]
		at += length
	}
	return values
}
