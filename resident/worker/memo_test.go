package worker

import (
	"cmp"
	"encoding/binary"
	"errors"
	"gopherlens/resident/internal/wire"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// A fakeBuffer takes no memory and counts how many there are.
type fakeBuffer struct {
	compute.Buffer
	there *atomic.Int64
}

func (b fakeBuffer) Finalize() error { b.there.Add(-1); return nil }

// A fakeRunner does runs as the worker does: it looks into the memo first.
type fakeRunner struct {
	store *store
	took  time.Duration // what a run takes; 0 for a minute
	busy  int           // one run in so many takes a hundred times as long; 0: none
	pace  pace
	there atomic.Int64
}

// run asks for the result of a number, of so many bytes, and lets go of it. It reports
// whether it was remembered.
func (r *fakeRunner) run(number, bytes int) bool {
	run := digest(binary.AppendUvarint(nil, uint64(number)))
	outputs, hit := r.store.recall(run)
	if !hit {
		r.there.Add(1)
		shape := shapes.Make(dtypes.Uint8, bytes)
		outputs = []*array{r.store.add(nil, fakeBuffer{there: &r.there}, 0, shape, run.output(0))}
		took := cmp.Or(r.took, time.Minute)
		if r.busy > 0 && number%r.busy == 0 {
			took *= 100
		}
		r.pace.note(took)
		r.store.remember(run, outputs, &r.pace)
	}
	r.store.release(outputs...)
	return hit
}

// hits asks for results from up to to, and counts those that were remembered.
func (r *fakeRunner) hits(from, to, bytes int) (n int) {
	for i := from; i < to; i++ {
		if r.run(i, bytes) {
			n++
		}
	}
	return n
}

const mega = 1 << 20

// What is asked for once takes a small part of the budget, whatever comes.
func TestMemoOfManyRuns(t *testing.T) {
	r := &fakeRunner{store: newStore(640 * mega)}
	r.hits(0, 5000, mega)
	if _, bytes, _ := r.store.memo.state(); bytes > 640*mega/onceShare || bytes == 0 {
		t.Errorf("%d bytes remembered of a budget of %d", bytes, 640*mega)
	}
	if r.store.live > 640*mega/onceShare {
		t.Errorf("%d bytes are held", r.store.live)
	}
	big := &fakeRunner{store: newStore(0)}
	big.hits(0, 5000, mega)
	if _, bytes, _ := big.store.memo.state(); bytes > onceMost {
		t.Errorf("without a budget, %d bytes are remembered of what was asked for once", bytes)
	}
}

// A result that is asked for again at once is there, and what is asked for a second
// time, however much came between, is there the third time.
func TestMemoSecondSight(t *testing.T) {
	r := &fakeRunner{store: newStore(640 * mega)}
	if r.run(1, mega) || !r.run(1, mega) {
		t.Error("a result is not there when it is asked for again")
	}
	// A cell of 100 results: more than the part for results that were asked for once.
	if n := r.hits(1000, 1100, mega); n != 0 {
		t.Errorf("first run: %d results were there", n)
	}
	r.hits(1000, 1100, mega)
	if n := r.hits(1000, 1100, mega); n != 100 {
		t.Errorf("third run: %d of 100 results were there", n)
	}
	r.hits(5000, 7000, mega) // a long generation
	if n := r.hits(1000, 1100, mega); n != 100 {
		t.Errorf("after 2,000 other results, %d of 100 were there", n)
	}
	if _, bytes, _ := r.store.memo.state(); bytes > 640*mega/memoShare+640*mega/onceShare {
		t.Errorf("%d bytes remembered", bytes)
	}
	// More than a quarter, asked for again and again, is more than there is room for.
	r.hits(10_000, 10_400, mega)
	r.hits(10_000, 10_400, mega)
	if r.store.memo.often.bytes > 640*mega/memoShare {
		t.Errorf("%d bytes remembered for long", r.store.memo.often.bytes)
	}
}

// A generation, token by token, takes the small part however often it is run again, and however
// busy the machine is; a sweep of numbers is there at once, and stays.
func TestMemoOfGenerations(t *testing.T) {
	r := &fakeRunner{store: newStore(15 << 30), took: 20 * time.Millisecond, busy: 2}
	for range 3 {
		r.hits(0, 400, 9*mega) // keys and values so far
	}
	if r.store.live > onceMost {
		t.Errorf("%d bytes are held after three generations of 400 tokens", r.store.live)
	}
	r.hits(1000, 2000, 4)
	if n := r.hits(1000, 2000, 4); n != 1000 {
		t.Errorf("%d of a sweep's 1000 numbers were there", n)
	}
	for range 3 {
		r.hits(0, 400, 9*mega)
	}
	if n := r.hits(1000, 2000, 4); n != 1000 {
		t.Errorf("after three generations, %d of a sweep's 1000 numbers were there", n)
	}
}

// A million results that are a number each do not fill the worker with bookkeeping.
func TestMemoOfScalars(t *testing.T) {
	r := &fakeRunner{store: newStore(640 * mega)}
	r.hits(0, 200_000, 4)
	if n, _, _ := r.store.memo.state(); n > 640*mega/onceShare/bookkeeping {
		t.Errorf("%d results remembered", n)
	}
	if n := len(r.store.memo.bySeen); n > maxSeen || n != r.store.memo.seen.Len() {
		t.Errorf("%d runs are known, in a list of %d", n, r.store.memo.seen.Len())
	}
}

// Every array that is dropped is finalized, and the counts come out even.
func TestMemoCounts(t *testing.T) {
	r := &fakeRunner{store: newStore(64 * mega)}
	for range 3 {
		r.hits(0, 100, mega/4)
		r.hits(50, 60, 3*mega)
		r.hits(0, 3, 40*mega) // larger than any part
	}
	if held := int64(r.store.arrays); held != r.there.Load() {
		t.Errorf("%d arrays are counted, %d are there", held, r.there.Load())
	}
	for {
		arrays, ok := r.store.evictMemo()
		if !ok {
			break
		}
		r.store.release(arrays...)
	}
	if r.store.live != 0 || r.store.arrays != 0 || r.there.Load() != 0 {
		t.Errorf("%d bytes in %d arrays are left, %d buffers", r.store.live, r.store.arrays, r.there.Load())
	}
	if n, bytes, once := r.store.memo.state(); n != 0 || bytes != 0 || once != 0 {
		t.Errorf("%d results of %d and %d bytes are left", n, bytes, once)
	}
}

// Programs are let go of for want of memory only if they take some, the least recently
// used first.
func TestEvictPrograms(t *testing.T) {
	s := newStore(100 * mega)
	sizes := map[byte]int64{1: 30 * mega, 2: 100, 3: 30 * mega, 4: 30 * mega}
	for i := byte(1); i <= 4; i++ {
		p := s.programs.findOrAdd(programKey{hash: [32]byte{i}})
		if err := s.charge(sizes[i]); err != nil || !s.programs.bear(p, sizes[i]) {
			t.Fatal(err)
		}
	}
	s.programs.find(programKey{hash: [32]byte{1}}) // used last
	if err := s.reserve(30 * mega); err != nil {
		t.Fatal(err)
	}
	for i, want := range map[byte]bool{1: true, 2: true, 3: false, 4: true} {
		if got := s.programs.find(programKey{hash: [32]byte{i}}) != nil; got != want {
			t.Errorf("program %d is there: %v, want %v", i, got, want)
		}
	}
	if s.live != 60*mega+100 || s.programs.bytes() != s.live {
		t.Errorf("%d bytes are counted, %d of programs", s.live, s.programs.bytes())
	}
	if err := s.reserve(101 * mega); !errors.Is(err, wire.ErrOutOfMemory) || !strings.Contains(err.Error(), MemoryEnv) {
		t.Errorf("more than the budget: %v", err)
	}
	if s.programs.count() != 1 || s.live != 100 {
		t.Errorf("%d programs and %d bytes are left; the one of 100 bytes makes no room", s.programs.count(), s.live)
	}
}

// Several workers share one machine: none takes what the others have left nothing of.
func TestMachineMemory(t *testing.T) {
	s := newStore(1000 * mega)
	left := int64(100 * mega)
	s.available = func() int64 { return left - s.live }
	r := &fakeRunner{store: s}
	for range 3 {
		r.run(1, 30*mega) // remembered at last
	}
	if err := s.reserve(90 * mega); err != nil || r.there.Load() != 0 {
		t.Errorf("90 MiB of 100 once the memo's 30 are let go: %v, %d buffers", err, r.there.Load())
	}
	if err := s.reserve(110 * mega); !errors.Is(err, wire.ErrOutOfMemory) || !strings.Contains(err.Error(), "gopherlens resident status") {
		t.Errorf("110 MiB of 100: %v", err)
	}
	if err := s.charge(60 * mega); err != nil {
		t.Error(err)
	}
	if err := s.charge(60 * mega); err == nil || s.live != 60*mega {
		t.Errorf("60 MiB more: %v, %d bytes", err, s.live)
	}
}
