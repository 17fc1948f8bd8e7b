package worker

import (
	"fmt"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// upload: a device and a shape, with the values as data. Answer: the array.
func (s *server) upload(c *call, reply *response) error {
	b, err := s.backend(c)
	if err != nil {
		return err
	}
	device, shape := compute.DeviceNum(c.Uint()), c.Shape()
	if err := c.Done(); err != nil {
		return err
	}
	if shape.IsDynamic() || shape.ByteSize() != c.data.Len() {
		return fmt.Errorf("%w: %d bytes for a %s", wire.ErrMalformed, c.data.Len(), shape)
	}
	if err := s.store.reserve(shape.ByteSize()); err != nil {
		return err
	}
	return c.data.View(func(content []byte) error {
		a, err := s.fromContent(b, device, shape, content, c.data.File != nil)
		if err != nil {
			return err
		}
		c.put(reply, a)
		return nil
	})
}

// fromContent makes an array of bytes. They are hashed for its identity while
// the backend copies them. Mapped memory is aligned and used where it is.
func (s *server) fromContent(b *backend, device compute.DeviceNum, shape shapes.Shape, content []byte, mapped bool) (*array, error) {
	id := make(chan identity, 1)
	go func() { id <- contentIdentity(shape, content) }()
	var flat any
	var err error
	if mapped && len(content) > 0 {
		flat = dtypes.UnsafeAnySliceFromBytes(unsafe.Pointer(&content[0]), shape.DType, shape.Size())
	} else {
		flat, err = flatOf(shape, content)
	}
	var buffer compute.Buffer
	if err == nil {
		buffer, err = b.real.BufferFromFlatData(device, flat, shape)
	}
	hash := <-id // also on an error: the memory goes away when this returns
	if err != nil {
		return nil, err
	}
	return s.store.add(b, buffer, device, shape, hash), nil
}

// download: an array. Answer: its values as data.
func (s *server) download(c *call, reply *response) error {
	if _, err := s.backend(c); err != nil {
		return err
	}
	a, err := s.array(c)
	if err != nil {
		return err
	}
	reply.after = func() { s.store.release(a) }
	if err := c.Done(); err != nil {
		return err
	}
	content, err := a.content()
	reply.data = wire.Data{Bytes: content}
	return err
}

// content returns the array's bytes: the backend's own memory where that can
// be read, else a copy.
func (a *array) content() ([]byte, error) {
	if a.size == 0 {
		return nil, nil
	}
	if a.backend.real.HasSharedBuffers() {
		if flat, err := a.buffer.Data(); err == nil {
			return dtypes.UnsafeByteSliceFromAny(flat), nil
		}
	}
	words := make([]uint64, (a.size+7)/8)
	at := unsafe.Pointer(unsafe.SliceData(words))
	flat := dtypes.UnsafeAnySliceFromBytes(at, a.shape.DType, a.shape.Size())
	if err := a.buffer.ToFlatData(flat); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(at), a.size), nil
}
