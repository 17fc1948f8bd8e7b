package devices

import (
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/internal/brief"
)

// A Backend computes on several devices of another backend. A program that is built on it runs on
// the first device; one that is built on a [Spread] of it on all that its batch has parts for.
type Backend struct {
	compute.Backend // whose devices they are
	grid            Grid

	// A program on many devices is alone on them: its parts wait for each other, and those of two
	// programs may come to the devices in different orders.
	turn *sync.Mutex
}

// made are the backends of this process: buffers of one are foreign to another.
var made struct {
	sync.Mutex
	backends map[key]*Backend
	turns    map[compute.Backend]*sync.Mutex
}

type key struct {
	of   compute.Backend
	grid Grid
}

// New is the backend of a grid of another's devices. All callers share it. A backend of this
// package's own is one already, and is refused.
func New(of compute.Backend, grid Grid) (*Backend, error) {
	if err := grid.check(of); err != nil {
		return nil, err
	}
	made.Lock()
	defer made.Unlock()
	if made.backends == nil {
		made.backends, made.turns = make(map[key]*Backend), make(map[compute.Backend]*sync.Mutex)
	}
	if made.turns[of] == nil {
		made.turns[of] = new(sync.Mutex)
	}
	k := key{of, grid}
	if made.backends[k] == nil {
		made.backends[k] = &Backend{of, grid, made.turns[of]}
	}
	return made.backends[k], nil
}

// check refuses a grid that a backend has no devices for, and one that is no grid.
func (g Grid) check(of compute.Backend) error {
	if g.Batch < 1 || g.Weights < 1 {
		return brief.Errorf("a grid of %d by %d devices: want 1 or more of each", g.Batch, g.Weights)
	}
	if b, ok := of.(*Backend); ok {
		return brief.Errorf("the backend spreads over %v already", b.grid)
	}
	if n := of.NumDevices(); g.Batch > n || g.Weights > n || g.Devices() > n {
		return brief.Errorf("%d devices are asked for, and the backend %s has %d%s", g.Devices(), of.Name(), n, hint(of))
	}
	return nil
}

// hint is where more devices are to be had.
func hint(of compute.Backend) string {
	if of.Name() == pureGo {
		return ": pure Go computes on one; XLA computes on several (`gopherlens setup` installs it)"
	}
	return ": of a CPU, XLA_FLAGS=--xla_force_host_platform_device_count=4 makes four when the process starts, for trying things out"
}

// pureGo is the name that GoMLX's pure Go backend has when it is open.
const pureGo = "Go Backend"

// Grid is the backend's.
func (b *Backend) Grid() Grid { return b.grid }

// NumDevices implements compute.Backend: to whoever computes with it there is one.
func (b *Backend) NumDevices() int { return 1 }

// HasSharedBuffers implements compute.Backend.
func (b *Backend) HasSharedBuffers() bool { return false }

// NewSharedBuffer implements compute.Backend.
func (b *Backend) NewSharedBuffer(compute.DeviceNum, shapes.Shape) (compute.Buffer, any, error) {
	return nil, nil, brief.Errorf("a tensor on several devices shares no memory with the host")
}

// Finalize implements compute.Backend: the devices are another's.
func (b *Backend) Finalize() {}

// BufferFromFlatData implements compute.Backend. The values lie on the first device until a program
// needs them elsewhere.
func (b *Backend) BufferFromFlatData(_ compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	return b.place(flat, shape, layout{})
}

// Place uploads values whose axes are of these kinds to the devices that will read them.
func (b *Backend) Place(flat any, shape shapes.Shape, axes []Axis) (compute.Buffer, error) {
	return b.place(flat, shape, b.grid.layoutOf(shape, axes))
}

func (b *Backend) place(flat any, shape shapes.Shape, l layout) (compute.Buffer, error) {
	parts, err := b.upload(flat, shape, l)
	if err != nil {
		return nil, err
	}
	return &buffer{backend: b, shape: shape, lies: l, parts: parts}, nil
}

// upload copies each device's part to it.
func (b *Backend) upload(flat any, shape shapes.Shape, l layout) (parts []compute.Buffer, err error) {
	part := flat
	if l.cut() {
		part = dtypes.MakeAnySlice(shape.DType, l.partShape(shape).Size())
	}
	for d := range l.devices() {
		if l.cut() {
			l.copyPart(shape, d, flat, part, false)
		}
		one, err := b.Backend.BufferFromFlatData(compute.DeviceNum(d), part, l.partShape(shape))
		if err != nil {
			finalize(parts)
			return nil, err
		}
		parts = append(parts, one)
	}
	return parts, nil
}

// Bytes adds up what a backend's buffers take on each device.
func (b *Backend) Bytes(buffers []compute.Buffer) ([]int64, error) {
	sums := make([]int64, b.grid.Devices())
	for _, each := range buffers {
		own, ok := each.(*buffer)
		if !ok || own.backend != b {
			return nil, brief.Errorf("a buffer of another backend")
		}
		_, parts := own.now()
		for d, part := range parts {
			shape, err := part.Shape()
			if err != nil {
				return nil, err
			}
			sums[d] += int64(shape.ByteSize())
		}
	}
	return sums, nil
}
