package worker

import (
	"fmt"
	"math"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"gopherlens/internal/fault"
	"gopherlens/internal/nativemem"
	"gopherlens/resident/internal/wire"
)

// A store counts who holds which array and how much memory they take.
type store struct {
	mu     sync.Mutex
	budget int64 // bytes; 0: no limit
	live   int64 // bytes of arrays, kept blobs and programs' constants
	arrays int

	available func() int64 // bytes that the machine has left; nil: not asked
	share     *share       // of the budget of all the user's workers; nil: the budget is this one's alone

	memo     memo
	kept     map[keptKey]*kept
	programs *programs
	clock    int64 // counts uses, to order what was used least recently
}

func newStore(budget int64) *store {
	s := &store{budget: budget, kept: map[keptKey]*kept{}, memo: newMemo(budget)}
	s.programs = newPrograms(s.refund)
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

// reserve makes room for need more bytes, or says why there is none.
func (s *store) reserve(need int64) error { return s.claim(need, 0) }

// charge is reserve for what is no array: it counts n bytes as held until a refund.
func (s *store) charge(n int64) error { return s.claim(n, n) }

func (s *store) refund(n int64) {
	s.mu.Lock()
	s.live -= n
	s.mu.Unlock()
}

// claim makes room for need bytes and counts take of them. What can be made again goes,
// in the order from what costs least to what costs most: results, programs, kept arrays.
func (s *store) claim(need, take int64) error {
	allowed := s.allowed(need)
	if allowed < need { // what the allocator keeps is free as well
		nativemem.Trim()
		allowed = s.allowed(need)
	}
	budget, others := s.budgetFor(need)
	s.mu.Lock()
	before := s.live
	free := s.evictUntil(func() bool { return s.live+need <= min(budget, before+allowed) })
	live := s.live
	overBudget, overMachine := live+need > budget, live+need > before+allowed
	if !overBudget && !overMachine {
		s.live += take
		live += need
	}
	s.mu.Unlock()
	if s.share != nil && need >= worthAsking {
		s.share.say(stake{live, live})
	}
	finalize(free)
	if before-live > worthTrimming {
		nativemem.Trim()
	}
	switch {
	case overBudget && others > 0:
		return outOfMemory("%s more do not fit: what is in use takes %s here and %s in your other workers, of the %s that all may take together; "+
			"free some, stop a worker (gopherlens resident list names them), or set %s to the size that this worker may take",
			bytesText(need), bytesText(live), bytesText(others), bytesText(s.budget), MemoryEnv)
	case overBudget:
		return outOfMemory("%s more do not fit: what is in use takes %s of the worker's %s; "+
			"free some, stop the worker (gopherlens resident stop), or set %s to a larger size",
			bytesText(need), bytesText(live), bytesText(s.budget), MemoryEnv)
	case overMachine:
		return outOfMemory("%s more do not fit: the machine has %s left for it, and this worker holds %s in use; "+
			"stop what holds the rest (gopherlens resident status lists all workers), or set %s to the size that this worker may take",
			bytesText(need), bytesText(before+allowed-live), bytesText(live), MemoryEnv)
	}
	return nil
}

// evictUntil lets go of what can be made again until that is enough, and returns the arrays that
// are to be finalized once s.mu is unlocked.
func (s *store) evictUntil(enough func() bool) (free []*array) {
	for _, evict := range []func() ([]*array, bool){s.evictMemo, s.evictProgram, s.evictKept} {
		for !enough() {
			evicted, ok := evict()
			if !ok {
				break
			}
			free = append(free, s.unref(evicted)...)
		}
	}
	return free
}

// budgetFor is how many bytes this worker may hold, so that need more fit where others can give
// room, and how many the user's other workers hold.
func (s *store) budgetFor(need int64) (budget, others int64) {
	budget = s.budget
	if budget == 0 {
		budget = math.MaxInt64 / 2
	}
	if s.share == nil {
		return budget, 0
	}
	s.share.used()
	if need < worthAsking {
		return budget, 0
	}
	left, others := s.shared(need)
	return min(budget, left), others
}

func outOfMemory(format string, args ...any) error {
	return fault.Mark(fmt.Errorf("resident: "+format, args...), wire.ErrOutOfMemory)
}

// worthAsking is the size from which the machine is asked for its free memory, and
// worthTrimming that from which freed memory is given back to it.
const (
	worthAsking   = 16 << 20
	worthTrimming = 64 << 20
)

// allowed is how many bytes the machine has left for this worker: several notebooks, each
// within its own budget, must not drive it out of memory. Where the user has set the
// budget, that alone holds.
func (s *store) allowed(need int64) int64 {
	if s.available == nil || need < worthAsking {
		return math.MaxInt64 / 2
	}
	return max(s.available(), 0)
}

// evictMemo takes the result out of the memo that is least likely to be asked for.
func (s *store) evictMemo() ([]*array, bool) {
	arrays := s.memo.evict()
	return arrays, arrays != nil
}

// evictProgram lets go of the least recently used program of those that hold memory
// that counts. Its clients send it again when they need it.
func (s *store) evictProgram() ([]*array, bool) {
	n := s.programs.evict(countedProgram)
	s.live -= n
	return nil, n > 0
}

// countedProgram is the size in bytes from which dropping a program makes room.
const countedProgram = 1 << 20

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
