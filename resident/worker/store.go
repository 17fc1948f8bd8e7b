package worker

import (
	"fmt"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// A store counts who holds which array and how much memory they take.
type store struct {
	mu     sync.Mutex
	budget int64 // bytes of arrays; 0: no limit
	live   int64 // bytes of arrays there are
	arrays int

	memo     memo
	kept     map[keptKey]*kept
	programs *programs
	clock    int64 // counts uses, to order what was used least recently
}

func newStore(budget int64) *store {
	s := &store{budget: budget, kept: map[keptKey]*kept{}, programs: newPrograms()}
	s.memo = newMemo(budget / memoShare)
	return s
}

// add takes over a buffer. The caller holds the one reference.
func (s *store) add(b *backend, buffer compute.Buffer, device compute.DeviceNum, shape shapes.Shape, id identity) *array {
	a := &array{buffer: buffer, backend: b, device: device, shape: shape, size: shape.ByteSize(), id: id, refs: 1}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live += a.size
	s.arrays++
	return a
}

// hold adds a reference to each array.
func (s *store) hold(arrays ...*array) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range arrays {
		a.refs++
	}
}

// release takes a reference from each array and frees those that have none left.
func (s *store) release(arrays ...*array) {
	s.mu.Lock()
	free := s.unref(arrays)
	s.mu.Unlock()
	finalize(free)
}

// unref returns the arrays that nobody holds any longer; the caller finalizes
// them after unlocking s.mu, since a backend may take its time.
func (s *store) unref(arrays []*array) (free []*array) {
	for _, a := range arrays {
		if a.refs--; a.refs == 0 {
			s.live -= a.size
			s.arrays--
			free = append(free, a)
		}
	}
	return free
}

func finalize(arrays []*array) {
	for _, a := range arrays {
		if !a.donated {
			a.buffer.Finalize()
		}
	}
}

// soleOwner reports whether nobody but the caller and one handle hold a: only
// then may its memory be given to a program.
func (s *store) soleOwner(a *array) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return a.refs == 2
}

// reserve makes room for need more bytes, or says why there is none. The order
// is from what costs least to make again to what costs most.
func (s *store) reserve(need int64) error {
	if s.budget == 0 {
		return nil
	}
	s.mu.Lock()
	var free []*array
	for _, evict := range []func() []*array{s.evictMemo, s.evictKept} {
		for s.live+need > s.budget {
			evicted := evict()
			if evicted == nil {
				break
			}
			free = append(free, s.unref(evicted)...)
		}
	}
	short := s.live+need > s.budget
	live := s.live
	s.mu.Unlock()
	finalize(free)
	if short {
		s.programs.trim(0)
		return fmt.Errorf("resident: %s more do not fit: arrays in use take %s of the worker's %s; "+
			"free some, stop the worker (gopherlens resident stop), or set %s to a larger size",
			bytesText(need), bytesText(live), bytesText(s.budget), MemoryEnv)
	}
	return nil
}

// evictMemo takes the least recently used result out of the memo and returns
// its arrays, nil if there is none.
func (s *store) evictMemo() []*array { return s.memo.evict() }

func bytesText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
