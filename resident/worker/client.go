package worker

import (
	"fmt"
	"sync"

	"gopherlens/resident/internal/wire"
)

// A client is a process that uses the worker, over any number of connections.
type client struct {
	name        string
	connections int // guarded by the server

	mu   sync.Mutex
	next uint64
	held map[uint64]any // handles on *array and *liveBuilder
}

// A liveBuilder takes a program while its client still records it, to tell
// shapes that the client cannot know.
type liveBuilder struct {
	mu     sync.Mutex
	replay *replay

	charge  sync.Mutex
	bytes   int64 // of instructions and constants, charged to the store
	dropped bool
}

// bear leaves a charge with the builder until that is dropped, and reports whether it
// is still there to do so.
func (l *liveBuilder) bear(bytes int64) bool {
	l.charge.Lock()
	defer l.charge.Unlock()
	if !l.dropped {
		l.bytes += bytes
	}
	return !l.dropped
}

// drop returns the bytes to refund.
func (l *liveBuilder) drop() int64 {
	l.charge.Lock()
	defer l.charge.Unlock()
	l.dropped = true
	return l.bytes
}

// add gives the client a handle on x. An array's reference passes to it.
func (c *client) add(x any) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	c.held[c.next] = x
	return c.next
}

// hold returns the arrays behind handles with a reference more on each, which
// the caller releases.
func (c *client) hold(s *store, handles []uint64) ([]*array, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]*array, len(handles))
	for i, h := range handles {
		a, ok := c.held[h].(*array)
		if !ok {
			return nil, fmt.Errorf("%w: no array has the handle %d", wire.ErrMalformed, h)
		}
		out[i] = a
	}
	s.hold(out...)
	return out, nil
}

// live returns the builder behind a handle.
func (c *client) live(h uint64) (*liveBuilder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.held[h].(*liveBuilder)
	if !ok {
		return nil, fmt.Errorf("%w: no program has the handle %d", wire.ErrMalformed, h)
	}
	return l, nil
}

// free drops handles. One that is not there is no error: a program's handle is
// dropped both when it is compiled and when the client's collector finds it.
func (c *client) free(s *store, handles []uint64) {
	if len(handles) == 0 {
		return
	}
	var arrays []*array
	var bytes int64
	c.mu.Lock()
	for _, h := range handles {
		switch x := c.held[h].(type) {
		case *array:
			arrays = append(arrays, x)
		case *liveBuilder:
			bytes += x.drop()
		}
		delete(c.held, h)
	}
	c.mu.Unlock()
	s.release(arrays...)
	s.refund(bytes)
}

func (c *client) freeAll(s *store) {
	c.mu.Lock()
	handles := make([]uint64, 0, len(c.held))
	for h := range c.held {
		handles = append(handles, h)
	}
	c.mu.Unlock()
	c.free(s, handles)
}

// handles returns how many there are.
func (c *client) handles() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)
}
