package devices

import (
	"runtime"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/internal/brief"
)

// A buffer is a tensor that lies on several devices and is one to whoever holds it. It lies where
// the last program that asked for another layout needed it.
type buffer struct {
	backend *Backend
	shape   shapes.Shape

	mu    sync.Mutex
	lies  layout
	parts []compute.Buffer // by device; nil once it is finalized
}

var _ compute.Buffer = (*buffer)(nil)

// errFinalized is of whoever uses a buffer that was freed.
var errFinalized = brief.Errorf("the buffer was finalized")

// Backend implements compute.Buffer.
func (b *buffer) Backend() compute.Backend { return b.backend }

// Shape implements compute.Buffer.
func (b *buffer) Shape() (shapes.Shape, error) { return b.shape, nil }

// DeviceNum implements compute.Buffer: to its holder there is one device.
func (b *buffer) DeviceNum() (compute.DeviceNum, error) { return 0, nil }

// Finalize implements compute.Buffer.
func (b *buffer) Finalize() error {
	_, parts := b.now()
	b.mu.Lock()
	b.parts = nil
	b.mu.Unlock()
	return finalize(parts)
}

func finalize(parts []compute.Buffer) error {
	var first error
	for _, part := range parts {
		if err := part.Finalize(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// now is where the buffer lies.
func (b *buffer) now() (layout, []compute.Buffer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lies, b.parts
}

// ToFlatData implements compute.Buffer.
func (b *buffer) ToFlatData(flat any) error {
	lies, parts := b.now()
	if parts == nil {
		return errFinalized
	}
	defer runtime.KeepAlive(parts)
	if !lies.cut() {
		return parts[0].ToFlatData(flat)
	}
	part := dtypes.MakeAnySlice(b.shape.DType, lies.partShape(b.shape).Size())
	for _, d := range lies.distinct() {
		if err := parts[d].ToFlatData(part); err != nil {
			return err
		}
		lies.copyPart(b.shape, d, flat, part, true)
	}
	return nil
}

// Data implements compute.Buffer: memory of many devices is not one slice.
func (b *buffer) Data() (any, error) {
	return nil, brief.Errorf("a tensor on several devices has no memory of its own to look at: copy it")
}

// CopyToDevice implements compute.Buffer.
func (b *buffer) CopyToDevice(device compute.DeviceNum) (compute.Buffer, error) {
	flat := dtypes.MakeAnySlice(b.shape.DType, b.shape.Size())
	if err := b.ToFlatData(flat); err != nil {
		return nil, err
	}
	return b.backend.BufferFromFlatData(device, flat, b.shape)
}

// in are the buffer's parts in a layout, of which there may be more than it asks for. The buffer
// lies so from then on, unless it is wanted whole on the first device for one program: weights that
// do not fit there stay where they are, and are temporary there.
func (b *buffer) in(want layout) (parts []compute.Buffer, temporary bool, err error) {
	lies, parts := b.now()
	switch {
	case parts == nil:
		return nil, false, errFinalized
	case lies.serves(want):
		return parts, false, nil
	}
	flat := dtypes.MakeAnySlice(b.shape.DType, b.shape.Size())
	if err := b.ToFlatData(flat); err != nil {
		return nil, false, err
	}
	if parts, err = b.backend.upload(flat, b.shape, want); err != nil || want.home() {
		return parts, err == nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.parts == nil {
		return nil, false, errFinalized
	}
	b.lies, b.parts = want, parts // others may be reading the old ones, which are garbage then
	return parts, false, nil
}
