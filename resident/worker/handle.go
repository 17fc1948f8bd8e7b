package worker

import (
	"fmt"

	"github.com/gomlx/compute"

	"gopherlens/resident/internal/wire"
)

// A call is one request: its fields, after the handles that come first in each
// have been freed.
type call struct {
	*wire.Decoder
	client *client
	data   wire.Data
}

type handler func(s *server, c *call, reply *response) error

// handlers says who answers which request.
var handlers = map[wire.Kind]handler{
	wire.KindOpen:     (*server).openBackend,
	wire.KindCompile:  (*server).compile,
	wire.KindInfer:    (*server).infer,
	wire.KindUpload:   (*server).upload,
	wire.KindDownload: (*server).download,
	wire.KindExecute:  (*server).execute,
	wire.KindCopy:     (*server).copyToDevice,
	wire.KindFree:     func(*server, *call, *response) error { return nil }, // done already
	wire.KindKeep:     (*server).keep,
	wire.KindAttach:   (*server).attach,
	wire.KindDrop:     (*server).dropKept,
	wire.KindStatus:   (*server).status,
	wire.KindPeek:     (*server).peek,
}

// openBackend: the configuration. Answer: the backend's description.
func (s *server) openBackend(c *call, reply *response) error {
	config := c.String()
	if err := c.Done(); err != nil {
		return err
	}
	b, err := s.backends.get(config)
	if err != nil {
		return err
	}
	b.info.Put(&reply.Encoder)
	return nil
}

// backend reads the number of a backend, which most requests begin with.
func (s *server) backend(c *call) (*backend, error) {
	index := c.Uint()
	if c.Err() != nil {
		return nil, c.Err()
	}
	return s.backends.at(index)
}

// array reads one handle; the caller releases the array.
func (s *server) array(c *call) (*array, error) {
	handle := c.Uint()
	if c.Err() != nil {
		return nil, c.Err()
	}
	held, err := c.client.hold(s.store, []uint64{handle})
	if err != nil {
		return nil, err
	}
	return held[0], nil
}

// put writes handles on arrays, whose references pass to the client.
func (c *call) put(reply *response, arrays ...*array) {
	reply.Uint(uint64(len(arrays)))
	for _, a := range arrays {
		reply.Uint(c.client.add(a))
		reply.Uint(uint64(a.device))
		reply.Shape(a.shape)
	}
}

// copyToDevice: an array, a device. Answer: the new array.
func (s *server) copyToDevice(c *call, reply *response) error {
	b, err := s.backend(c)
	if err != nil {
		return err
	}
	a, err := s.array(c)
	if err != nil {
		return err
	}
	defer s.store.release(a)
	device := compute.DeviceNum(c.Uint())
	if err := c.Done(); err != nil {
		return err
	}
	if err := s.store.reserve(a.size); err != nil {
		return err
	}
	copied, err := a.buffer.CopyToDevice(device)
	if err != nil {
		return fmt.Errorf("resident: copying to device %d: %w", device, err)
	}
	c.put(reply, s.store.add(b, copied, device, a.shape, a.id))
	return nil
}

// keep: a key, a blob, names and as many arrays.
func (s *server) keep(c *call, _ *response) error {
	b, err := s.backend(c)
	if err != nil {
		return err
	}
	key := keptKey{b.info.Index, c.String()}
	blob, names, handles := append([]byte(nil), c.Bytes()...), c.Strings(), c.Uints()
	if err := c.Done(); err != nil {
		return err
	}
	if len(names) != len(handles) {
		return fmt.Errorf("%w: %d names for %d arrays", wire.ErrMalformed, len(names), len(handles))
	}
	if err := s.store.reserve(int64(len(blob))); err != nil {
		return err
	}
	arrays, err := c.client.hold(s.store, handles)
	if err != nil {
		return err
	}
	defer s.store.release(arrays...)
	s.store.keep(key, &kept{blob: blob, names: names, arrays: arrays})
	return nil
}

// attach: a key. Answer: whether it is there, then its blob, names and arrays.
func (s *server) attach(c *call, reply *response) error {
	key, err := s.keptKey(c)
	if err != nil {
		return err
	}
	k := s.store.attach(key)
	reply.Bool(k != nil)
	if k == nil {
		return nil
	}
	reply.Bytes(k.blob)
	reply.Strings(k.names)
	c.put(reply, k.arrays...)
	return nil
}

// peek: a key. Answer: whether there is something, and its blob.
func (s *server) peek(c *call, reply *response) error {
	key, err := s.keptKey(c)
	if err != nil {
		return err
	}
	blob, ok := s.store.peek(key)
	reply.Bool(ok)
	if ok {
		reply.Bytes(blob)
	}
	return nil
}

// dropKept: a key.
func (s *server) dropKept(c *call, _ *response) error {
	key, err := s.keptKey(c)
	if err != nil {
		return err
	}
	s.store.drop(key)
	return nil
}

func (s *server) keptKey(c *call) (keptKey, error) {
	b, err := s.backend(c)
	if err != nil {
		return keptKey{}, err
	}
	key := keptKey{b.info.Index, c.String()}
	return key, c.Done()
}
