package resident

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// A buffer is a handle on an array in the worker. Any number of handles may
// stand for one array; it is freed with the last of them, unless it is kept
// under a key or remembered as a result.
type buffer struct {
	backend *Backend
	handle  uint64
	shape   shapes.Shape
	device  compute.DeviceNum
	freed   atomic.Bool
	cleanup runtime.Cleanup
}

var _ compute.Buffer = (*buffer)(nil)

// newBuffer wraps a handle. A handle is a few bytes, so that Go's collector has
// no reason to run however large the arrays are: the pool counts their size
// and starts it.
func newBuffer(b *Backend, handle uint64, shape shapes.Shape, device compute.DeviceNum) *buffer {
	x := &buffer{backend: b, handle: handle, shape: shape, device: device}
	size := shape.ByteSize()
	b.pool.holds(size)
	x.cleanup = runtime.AddCleanup(x, func(h uint64) { b.pool.free(h, size) }, handle)
	return x
}

func readBuffers(d *wire.Decoder, b *Backend) []compute.Buffer {
	out := make([]compute.Buffer, 0, d.Count())
	for range cap(out) {
		handle, device, shape := d.Uint(), compute.DeviceNum(d.Uint()), d.Shape()
		if d.Err() != nil {
			return nil
		}
		out = append(out, newBuffer(b, handle, shape, device))
	}
	return out
}

// own returns the buffers as this backend's, or says which are not.
func (b *Backend) own(buffers []compute.Buffer) ([]*buffer, error) {
	out := make([]*buffer, len(buffers))
	for i, x := range buffers {
		y, ok := x.(*buffer)
		switch {
		case !ok || y == nil || y.backend.pool != b.pool || y.backend.info.Index != b.info.Index:
			return nil, fmt.Errorf("resident: buffer %d (%T) is not of the backend %q", i, x, b.config)
		case y.freed.Load():
			return nil, fmt.Errorf("resident: buffer %d, %s, was finalized or donated", i, y.shape)
		}
		out[i] = y
	}
	return out, nil
}

// Backend implements compute.Buffer.
func (x *buffer) Backend() compute.Backend { return x.backend }

// Shape implements compute.Buffer.
func (x *buffer) Shape() (shapes.Shape, error) { return x.shape, nil }

// DeviceNum implements compute.Buffer.
func (x *buffer) DeviceNum() (compute.DeviceNum, error) { return x.device, nil }

// Finalize implements compute.Buffer.
func (x *buffer) Finalize() error {
	if x.forget() {
		x.backend.pool.free(x.handle, x.shape.ByteSize())
	}
	return nil
}

// forget makes the handle unusable, and reports whether it was usable until now.
func (x *buffer) forget() bool {
	if x.freed.Swap(true) {
		return false
	}
	x.cleanup.Stop()
	return true
}

// ToFlatData implements compute.Buffer.
func (x *buffer) ToFlatData(flat any) error {
	if _, err := x.backend.own([]compute.Buffer{x}); err != nil {
		return err
	}
	dst, err := flatBytes(flat, x.shape.DType)
	if err != nil {
		return err
	}
	if int64(len(dst)) != x.shape.ByteSize() {
		return fmt.Errorf("resident: %s has %d bytes, the slice given for it %d", x.shape, x.shape.ByteSize(), len(dst))
	}
	r := x.backend.request()
	r.Uint(x.handle)
	err = x.backend.pool.call(wire.KindDownload, r, wire.Data{}, func(d *wire.Decoder, data wire.Data) error {
		return data.ReadInto(dst)
	})
	runtime.KeepAlive(x)
	return err
}

var errNotShared = errors.New("resident: the values lie in another process; copy them with ToFlatData")

// Data implements compute.Buffer: it is refused, see HasSharedBuffers.
func (x *buffer) Data() (any, error) { return nil, errNotShared }

// CopyToDevice implements compute.Buffer.
func (x *buffer) CopyToDevice(device compute.DeviceNum) (compute.Buffer, error) {
	if _, err := x.backend.own([]compute.Buffer{x}); err != nil {
		return nil, err
	}
	r := x.backend.request()
	r.Uint(x.handle)
	r.Uint(uint64(device))
	out, err := x.backend.callForBuffers(wire.KindCopy, r, wire.Data{})
	runtime.KeepAlive(x)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// BufferFromFlatData implements compute.DataInterface.
func (b *Backend) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	if err := wire.CheckShape(shape); err != nil {
		return nil, fmt.Errorf("resident: cannot upload %w", err)
	}
	src, err := flatBytes(flat, shape.DType)
	if err != nil {
		return nil, err
	}
	if shape.IsDynamic() || int64(len(src)) != shape.ByteSize() {
		return nil, fmt.Errorf("resident: %d bytes given for %s", len(src), shape)
	}
	r := b.request()
	r.Uint(uint64(device))
	r.Shape(shape)
	out, err := b.callForBuffers(wire.KindUpload, r, wire.Data{Bytes: src})
	runtime.KeepAlive(flat)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// flatBytes returns the memory of a slice, whose type must be that of the dtype that it
// is said to hold. Packed types (Int4 and the like) come as bytes, and zero-sized ones
// as nil.
func flatBytes(flat any, dtype dtypes.DType) ([]byte, error) {
	if flat == nil {
		return nil, nil
	}
	if got := flatDType(flat); got == dtypes.InvalidDType || got != dtype && !dtype.IsPacked() {
		return nil, fmt.Errorf("resident: a %T given for %s", flat, dtype)
	}
	return dtypes.UnsafeByteSliceFromAny(flat), nil
}

func (b *Backend) callForBuffers(kind wire.Kind, r *wire.Encoder, data wire.Data) (out []compute.Buffer, err error) {
	err = b.pool.call(kind, r, data, func(d *wire.Decoder, _ wire.Data) error {
		out = readBuffers(d, b)
		if err := d.Done(); err != nil {
			return err
		}
		if len(out) != 1 {
			return fmt.Errorf("resident: %d buffers in an answer that has one", len(out))
		}
		return nil
	})
	return out, err
}

// HasSharedBuffers implements compute.DataInterface: memory of another process
// cannot be handed out.
func (b *Backend) HasSharedBuffers() bool { return false }

// NewSharedBuffer implements compute.DataInterface: it is refused.
func (b *Backend) NewSharedBuffer(compute.DeviceNum, shapes.Shape) (compute.Buffer, any, error) {
	return nil, nil, errNotShared
}
