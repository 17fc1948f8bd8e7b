package resident

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/gomlx/compute"

	"gopherlens/resident/internal/wire"
)

// Keep stores buffers of this backend in the worker under key, with a name for
// each and a blob that means something only to the caller. They outlive this
// process: another one gets them with [Backend.Attach]. What was kept under the
// same key and backend before is let go.
//
// Kept buffers are never donated to a program. A worker short of memory lets go
// of those that no process has attached, the least recently used first.
func (b *Backend) Keep(key string, blob []byte, names []string, buffers []compute.Buffer) error {
	if len(names) != len(buffers) {
		return fmt.Errorf("resident: %d names for %d buffers to keep under %q", len(names), len(buffers), key)
	}
	own, err := b.own(buffers)
	if err != nil {
		return fmt.Errorf("%w (to keep under %q)", err, key)
	}
	e := b.request()
	e.String(key)
	e.Bytes(blob)
	e.Strings(names)
	handles := make([]uint64, len(own))
	for i, x := range own {
		handles[i] = x.handle
	}
	e.Uints(handles)
	err = b.pool.call(wire.KindKeep, e, wire.Data{}, nil)
	runtime.KeepAlive(buffers)
	return err
}

// Attach returns what [Backend.Keep] stored under key, in its order; ok is
// false if there is nothing. It costs one message however many buffers there
// are, and copies no values.
func (b *Backend) Attach(key string) (blob []byte, names []string, buffers []compute.Buffer, ok bool, err error) {
	e := b.request()
	e.String(key)
	err = b.pool.call(wire.KindAttach, e, wire.Data{}, func(d *wire.Decoder, _ wire.Data) error {
		if ok = d.Bool(); !ok {
			return d.Done()
		}
		blob = slices.Clone(d.Bytes())
		names = d.Strings()
		buffers = readBuffers(d, b)
		return d.Done()
	})
	if err != nil {
		return nil, nil, nil, false, err
	}
	return blob, names, buffers, ok, nil
}

// Peek returns the blob that [Backend.Keep] stored under key; ok is false if there is nothing. It
// is no use of it: whoever lists what there is holds nothing, and keeps nothing from being let go.
func (b *Backend) Peek(key string) (blob []byte, ok bool, err error) {
	e := b.request()
	e.String(key)
	err = b.pool.call(wire.KindPeek, e, wire.Data{}, func(d *wire.Decoder, _ wire.Data) error {
		if ok = d.Bool(); ok {
			blob = slices.Clone(d.Bytes())
		}
		return d.Done()
	})
	if err != nil {
		return nil, false, err
	}
	return blob, ok, nil
}

// Drop lets go of what is kept under key, if anything is.
func (b *Backend) Drop(key string) error {
	e := b.request()
	e.String(key)
	return b.pool.call(wire.KindDrop, e, wire.Data{}, nil)
}
