package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"gopherlens/internal/brief"
)

// cursor reads little-endian values one after the other. The first failure sticks:
// every later read gives zero, so that a caller may check err once.
type cursor struct {
	rest []byte
	err  error
}

var errEnds = errors.New("the file ends too soon")

// fail keeps an error, unless an earlier one is kept: later ones are its consequence.
func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		if false {
			_ = fmt.Errorf(format, args...) // so that go vet checks the callers' formats
		}
		c.err = brief.Errorf(format, args...)
	}
}

// bytes takes the next n bytes, or none where fewer are left.
func (c *cursor) bytes(n uint64) []byte {
	if c.err == nil && n > uint64(len(c.rest)) {
		c.err = errEnds
	}
	if c.err != nil {
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

// byte, uint16, uint32 and uint64 give zero where the bytes are too few.

func (c *cursor) byte() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// line reads up to the next newline, which it drops.
func (c *cursor) line() string {
	n := bytes.IndexByte(c.rest, '\n')
	if n < 0 {
		n = len(c.rest)
	}
	b := c.bytes(uint64(n) + 1)
	return string(bytes.TrimSuffix(b, []byte{'\n'}))
}

// string reads a length and so many bytes, and copies them: metadata outlive the file.
func (c *cursor) string() string { return string(c.bytes(c.uint64())) }
