package wire

import (
	"fmt"
	"io"
	"os"
)

// passAbove is the size in bytes above which data travels as a memory file. A
// descriptor costs some microseconds whatever its size; copying through the
// socket's small buffer costs more than that from about here.
const passAbove = 64 << 10

// Data is the raw part of a frame: bytes in memory, or a memory file. The zero
// Data is empty.
type Data struct {
	Bytes   []byte
	File    *os.File
	length  int64
	refused error // why there is neither
}

// Len returns the number of bytes.
func (d Data) Len() int64 {
	if d.File != nil || d.refused != nil {
		return d.length
	}
	return int64(len(d.Bytes))
}

// Close releases the memory file, if there is one.
func (d Data) Close() {
	if d.File != nil {
		d.File.Close()
	}
}

// ReadInto copies the data into dst, which must have exactly its length.
func (d Data) ReadInto(dst []byte) error {
	if d.refused != nil {
		return d.refused
	}
	if int64(len(dst)) != d.Len() {
		return fmt.Errorf("resident: %d bytes of data for a place of %d", d.Len(), len(dst))
	}
	if d.File == nil {
		copy(dst, d.Bytes)
		return nil
	}
	_, err := io.ReadFull(io.NewSectionReader(d.File, 0, d.length), dst)
	return err
}

// file returns the memory file to pass, or nil for data that goes inline.
func (d Data) file() (*os.File, error) {
	if d.File != nil {
		return d.File, nil
	}
	if len(d.Bytes) <= passAbove {
		return nil, nil
	}
	return memoryFile(d.Bytes)
}

// FromParts joins byte slices into the data of one frame.
func FromParts(parts [][]byte) Data {
	var n int
	for _, p := range parts {
		n += len(p)
	}
	all := make([]byte, 0, n)
	for _, p := range parts {
		all = append(all, p...)
	}
	return Data{Bytes: all}
}
