package weights

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"

	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// Named is a tensor to be written. Its data are asked for once, when their turn
// comes, so that a caller need not hold all tensors at once.
type Named struct {
	Name  string
	DType DType
	Shape []int // outermost dimension first
	Write func(w io.Writer) error
}

// FromFloat32s makes an F32 tensor of values in row-major order.
func FromFloat32s(name string, shape []int, values []float32) Named {
	return Named{name, F32, shape, func(w io.Writer) error { return writeValues(w, values) }}
}

// FromInt64s makes an I64 tensor of values in row-major order.
func FromInt64s(name string, shape []int, values []int64) Named {
	return Named{name, I64, shape, func(w io.Writer) error { return writeValues(w, values) }}
}

// FromRounded makes a tensor of one of the float types of values in row-major order, each rounded
// to the nearest. A value that is too large for the type is an error when it is written.
func FromRounded(name string, dtype DType, shape []int, values []float32) Named {
	if dtype == F32 {
		return FromFloat32s(name, shape, values)
	}
	return Named{name, dtype, shape, func(w io.Writer) error { return writeRounded(w, dtype, values) }}
}

// rounder makes 16 bits of a float32.
type rounder struct {
	round    func(float32) uint16
	infinity uint16 // without its sign
}

var rounders = map[DType]rounder{
	F16:  {func(v float32) uint16 { return float16.FromFloat32(v).Bits() }, 0x7c00},
	BF16: {func(v float32) uint16 { return bfloat16.FromFloat32(v).Bits() }, 0x7f80},
}

func writeRounded(w io.Writer, dtype DType, values []float32) error {
	r, ok := rounders[dtype]
	if !ok {
		return brief.Errorf("values cannot be rounded to %s; want F32, F16 or BF16", dtype)
	}
	for piece := range slices.Chunk(values, grain) {
		out := make([]byte, 0, 2*len(piece))
		for _, v := range piece {
			bits := r.round(v)
			if bits&0x7fff == r.infinity && !math.IsInf(float64(v), 0) {
				return brief.Errorf("the value %v is too large for %s", v, dtype)
			}
			out = binary.LittleEndian.AppendUint16(out, bits)
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
	}
	return nil
}

// FromTensor writes an open tensor's bytes as they are, in its own type.
func FromTensor(t Tensor) Named {
	return Named{t.Name, t.DType, t.Shape, func(w io.Writer) error {
		_, err := w.Write(t.Raw())
		return err
	}}
}

// writeValues writes little-endian values.
func writeValues[T float32 | int64](w io.Writer, values []T) error {
	if b, ok := viewBytes(values); ok {
		_, err := w.Write(b)
		return err
	}
	for piece := range slices.Chunk(values, grain) { // encoding/binary copies what it is given
		if err := binary.Write(w, binary.LittleEndian, piece); err != nil {
			return err
		}
	}
	return nil
}

// alignment of the data in files that we write: a cache line, so that any reader
// may use the mapped values in place. It is a multiple of the 8 that others ask for.
const alignment = 64

// WriteSafetensors writes a checkpoint that [Open] and every other safetensors
// reader read. The file appears under its name when it is complete and on the
// disk; until then, and after an error, whatever was there before is untouched.
//
// Tensors of wider types come first, each type in the order given, so that all
// data are aligned. A nil metadata writes none.
func WriteSafetensors(path string, metadata map[string]string, tensors []Named) error {
	err := wholefile.Write(path, 0o644, func(w io.Writer) error { return EncodeSafetensors(w, metadata, tensors) })
	if err != nil {
		return fmt.Errorf("weights: cannot write %s: %w", path, err)
	}
	return nil
}

// EncodeSafetensors writes what [WriteSafetensors] puts into a file.
func EncodeSafetensors(w io.Writer, metadata map[string]string, tensors []Named) error {
	tensors = slices.Clone(tensors)
	slices.SortStableFunc(tensors, func(a, b Named) int {
		return cmp.Compare(layouts[b.DType].bytes, layouts[a.DType].bytes)
	})
	header, err := formatHeader(metadata, tensors)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := t.writeTo(w); err != nil {
			return brief.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	return nil
}

// formatHeader renders the length and the header. The object is put together by
// hand because a map would lose the order of the tensors.
func formatHeader(metadata map[string]string, tensors []Named) ([]byte, error) {
	var entries [][]byte
	if metadata != nil {
		entry, err := headerItem(metadataKey, metadata)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	seen := map[string]bool{metadataKey: true}
	end := 0
	for _, t := range tensors {
		size, err := t.byteSize()
		if err != nil {
			return nil, brief.Errorf("tensor %q: %w", t.Name, err)
		}
		if seen[t.Name] {
			return nil, brief.Errorf("tensor %q: its name is taken", t.Name)
		}
		seen[t.Name] = true
		shape := append([]int{}, t.Shape...) // a scalar's nil must become []
		entry, err := headerItem(t.Name, headerEntry{t.DType, shape, []int{end, end + size}})
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
		end += size
	}
	text := append([]byte{'{'}, bytes.Join(entries, []byte{','})...)
	text = append(text, '}')
	for (8+len(text))%alignment != 0 {
		text = append(text, ' ')
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("its header takes %d bytes, and the format allows %d", len(text), maxHeader)
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), nil
}

// headerItem renders `"name":value`.
func headerItem(name string, value any) ([]byte, error) {
	key, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(value)
	return slices.Concat(key, []byte{':'}, text), err
}

// byteSize is what the data must have, by shape and type.
func (t Named) byteSize() (int, error) {
	l, ok := layouts[t.DType]
	if !ok || l.block > 1 {
		return 0, brief.Errorf("type %q cannot be written to safetensors", t.DType)
	}
	size, ok := l.byteSize(t.Shape)
	if !ok {
		return 0, brief.Errorf("impossible shape %v", t.Shape)
	}
	return size, nil
}

// writeTo writes the data and holds them against the header, which is out already.
func (t Named) writeTo(w io.Writer) error {
	want, err := t.byteSize()
	if err != nil {
		return err
	}
	c := &counter{w: w}
	if err := t.Write(c); err != nil {
		return err
	}
	if c.n != want {
		return brief.Errorf("shape %v takes %d bytes, and its data have %d", t.Shape, want, c.n)
	}
	return nil
}

// counter counts what passes through.
type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += n
	return n, err
}
