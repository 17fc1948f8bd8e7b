package weights

import (
	"fmt"
	"math/bits"
	"runtime"
	"sync"

	"gopherlens/internal/brief"
)

// Tensor is one named array of a checkpoint: a view of the mapped file, valid
// until its [File] is closed.
type Tensor struct {
	Name  string
	DType DType
	Shape []int // outermost dimension first, whatever the file's own order; empty for a scalar

	data    []byte
	strides []int  // of a torch view that is not row-major, in elements; nil otherwise
	path    string // the file that it lies in, for messages
}

// Size returns the number of elements.
func (t Tensor) Size() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Stored is the number of bytes that the values take in the file.
func (t Tensor) Stored() int { return len(t.data) }

// Raw returns the bytes as they lie in the file: little-endian values in row-major
// order, or blocks of a quantised type. Do not write to them, nor use them after
// [File.Close]. (A torch view that is not row-major gives a copy that is.)
func (t Tensor) Raw() []byte {
	if t.strides == nil {
		return t.data
	}
	return t.gather()
}

// View returns the values of an F32 tensor without copying, where the file's
// layout and the machine allow it. Like Raw, it must not outlive the file.
func (t Tensor) View() ([]float32, bool) {
	if t.DType != F32 || t.strides != nil {
		return nil, false
	}
	return viewFloats(t.data)
}

// Float32s returns a copy of the values, decoded from any type. float64 and
// 64-bit whole numbers are rounded.
func (t Tensor) Float32s() ([]float32, error) {
	dst := make([]float32, t.Size())
	return dst, t.Float32sInto(dst)
}

// Float32sInto decodes into dst, which must have exactly [Tensor.Size] elements.
func (t Tensor) Float32sInto(dst []float32) error {
	l, err := t.layout()
	if err != nil {
		return err
	}
	if len(dst) != t.Size() {
		return brief.Errorf("weights: tensor %q has %d elements, the destination %d", t.Name, t.Size(), len(dst))
	}
	src := t.Raw()
	inParallel(len(dst)/l.block, l.block, func(from, to int) {
		l.floats(dst[from*l.block:to*l.block], src[from*l.bytes:to*l.bytes])
	})
	return nil
}

// Int64s returns a copy of the values of a tensor of whole numbers or booleans
// (0 and 1). Other types are an error: rounding must be the caller's decision.
func (t Tensor) Int64s() ([]int64, error) {
	l, err := t.layout()
	if err != nil {
		return nil, err
	}
	if l.ints == nil {
		return nil, fmt.Errorf("weights: %s: tensor %q holds %s, not whole numbers: use Float32s", t.path, brief.Text(t.Name), t.DType)
	}
	dst := make([]int64, t.Size())
	l.ints(dst, t.Raw())
	return dst, nil
}

// layout is an error for the zero Tensor only: Open admits no unknown type.
func (t Tensor) layout() (layout, error) {
	l, ok := layouts[t.DType]
	if !ok {
		return l, brief.Errorf("weights: tensor %q has unknown type %q; known: %s", t.Name, t.DType, known())
	}
	return l, nil
}

// byteSize is the number of bytes that a shape takes, or false if that overflows
// or the type's blocks do not divide the innermost dimension.
func (l layout) byteSize(shape []int) (int, bool) {
	elements := uint64(1)
	for _, d := range shape {
		hi, lo := bits.Mul64(elements, uint64(d))
		if d < 0 || hi != 0 || lo > 1<<62 {
			return 0, false
		}
		elements = lo
	}
	if l.block > 1 && (len(shape) == 0 || shape[len(shape)-1]%l.block != 0) {
		return 0, false
	}
	hi, size := bits.Mul64(elements/uint64(l.block), uint64(l.bytes))
	return int(size), hi == 0 && size < 1<<62
}

// grain is how many elements are worth a goroutine: some 50 microseconds of work.
const grain = 1 << 16

// inParallel splits n blocks among the processors.
func inParallel(n, block int, work func(from, to int)) {
	parts := min(runtime.GOMAXPROCS(0), n*block/grain)
	if parts < 2 {
		work(0, n)
		return
	}
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() { work(n*i/parts, n*(i+1)/parts) })
	}
	wg.Wait()
}
