package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// A trackedBuffer counts how often it was finalized.
type trackedBuffer struct {
	compute.Buffer
	finalized atomic.Int32
}

func (b *trackedBuffer) Finalize() error { b.finalized.Add(1); return nil }

// A world is a worker's store with what its clients have been given, kept and told, as the protocol
// says it: after each step the store is held against that.
type world struct {
	t       *testing.T
	random  *rand.Rand
	s       *store
	c       *client
	made    []*array            // all that ever were
	kept    map[string][]*array // by the key, as it was kept last
	charged int64
	program byte
	prefix  string // of its keys
	crowded bool   // other worlds share the store
}

const worldBudget = 2000 * (1 << 10)

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), s: newStore(worldBudget), kept: map[string][]*array{}}
	w.c = &client{held: map[uint64]any{}}
	return w
}

// steps are what clients ask for. Each is tried with what the world holds.
var steps = []func(w *world){(*world).upload, (*world).upload, (*world).free, (*world).free, (*world).keep, (*world).attach, (*world).drop,
	(*world).run, (*world).run, (*world).run, (*world).reserve, (*world).charge, (*world).compile, (*world).leave}

func (w *world) size() int64 { return 1 + w.random.Int64N(120<<10) }

// ask reserves room, and holds the store to what that promises.
func (w *world) ask(n int64) bool {
	err := w.s.reserve(n)
	w.promised(n, err)
	return err == nil
}

// promised checks that there is room for n bytes, or that everything which could go has gone.
func (w *world) promised(n int64, err error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	switch {
	case w.crowded: // others take and give meanwhile
	case err == nil && w.s.live+n > w.s.budget:
		w.t.Errorf("%d bytes were promised beside %d of %d", n, w.s.live, w.s.budget)
	case err != nil && !errors.Is(err, wire.ErrOutOfMemory):
		w.t.Errorf("refused with %v", err)
	case err != nil:
		results, _, _ := w.s.memo.state()
		for key, k := range w.s.kept {
			if k.idle(w.s.heldByKeys()) {
				w.t.Errorf("%d bytes were refused, and %q could have gone", n, key.key)
			}
		}
		if results > 0 {
			w.t.Errorf("%d bytes were refused, and %d results could have gone", n, results)
		}
	}
}

func (w *world) newArray(id identity) *array {
	n := w.size()
	if !w.ask(n) {
		return nil
	}
	a := w.s.add(nil, new(trackedBuffer), 0, shapes.Make(dtypes.Uint8, int(n)), id)
	w.made = append(w.made, a)
	return a
}

func (w *world) upload() {
	if a := w.newArray(identity{}); a != nil {
		w.c.add(a)
	}
}

// handles are some of the client's, in random order.
func (w *world) handles(most int) []uint64 {
	var all []uint64
	for h := range w.c.held {
		all = append(all, h)
	}
	slices.Sort(all)
	w.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), w.random.IntN(most+1))]
}

func (w *world) free() {
	w.c.free(w.s, append(w.handles(4), 1<<40)) // and one that is not there
}

func (w *world) key() string { return fmt.Sprint(w.prefix, "key ", w.random.IntN(5)) }

func (w *world) keep() {
	blob := make([]byte, w.random.IntN(1000))
	if !w.ask(int64(len(blob))) {
		return
	}
	key := w.key()
	arrays, err := w.c.hold(w.s, w.handles(3))
	if err != nil {
		w.t.Fatal(err)
	}
	w.s.keep(keptKey{key: key}, &kept{blob: blob, arrays: arrays})
	w.s.release(arrays...)
	w.kept[key] = arrays
}

func (w *world) attach() {
	key := w.key()
	k := w.s.attach(keptKey{key: key})
	if k == nil {
		return
	}
	if !slices.Equal(k.arrays, w.kept[key]) {
		w.t.Errorf("attached to %q: other arrays than were kept", key)
	}
	for _, a := range k.arrays {
		w.c.add(a)
	}
}

func (w *world) drop() {
	key := w.key()
	w.s.drop(keptKey{key: key})
	if w.s.attach(keptKey{key: key}) != nil {
		w.t.Errorf("%q was dropped and is there", key)
	}
	delete(w.kept, key)
}

// run executes one of some programs: its outputs are remembered ones of the same run, or new.
func (w *world) run() {
	run := digest(binary.AppendUvarint(nil, w.random.Uint64N(60)))
	outputs, hit := w.s.recall(run)
	if hit {
		for i, a := range outputs {
			if a.id != run.output(i) {
				w.t.Errorf("the outputs of another run were remembered")
			}
		}
	} else {
		for i := range 1 + w.random.IntN(2) {
			a := w.newArray(run.output(i))
			if a == nil {
				w.s.release(outputs...)
				return
			}
			outputs = append(outputs, a)
		}
		took := new(pace)
		took.note(time.Duration(w.random.IntN(3)) * time.Minute)
		w.s.remember(run, outputs, took)
	}
	if w.random.IntN(2) == 0 {
		w.s.release(outputs...)
		return
	}
	for _, a := range outputs {
		w.c.add(a)
	}
}

func (w *world) reserve() { w.ask(w.random.Int64N(worldBudget + worldBudget/8)) }

func (w *world) charge() {
	if w.random.IntN(2) == 0 {
		w.s.refund(w.charged)
		w.charged = 0
		return
	}
	if n := w.size(); w.s.charge(n) == nil {
		w.charged += n
	}
}

func (w *world) compile() {
	w.program++
	n := w.size() + countedProgram*w.random.Int64N(2)
	p := w.s.programs.findOrAdd(programKey{hash: [32]byte{w.program}})
	if err := w.s.charge(n); err != nil {
		w.s.programs.forget(p)
	} else if !w.s.programs.bear(p, n) {
		w.s.refund(n)
	}
}

// leave is the end of a client.
func (w *world) leave() {
	if w.random.IntN(10) > 0 {
		return
	}
	w.c.freeAll(w.s)
	w.c = &client{held: map[uint64]any{}}
}

// check counts who holds what.
func (w *world) check(step int) {
	w.t.Helper()
	holders := make(map[*array]int)
	for _, x := range w.c.held {
		holders[x.(*array)]++
	}
	live := w.charged + w.s.programs.bytes()
	for key, k := range w.s.kept {
		if !slices.Equal(k.arrays, w.kept[key.key]) {
			w.t.Errorf("step %d: %q holds other arrays than were kept", step, key.key)
		}
		live += int64(len(k.blob))
		for _, a := range k.arrays {
			holders[a]++
		}
	}
	for _, q := range []*queue{&w.s.memo.once, &w.s.memo.often} {
		bytes := int64(0)
		for e := q.order.Front(); e != nil; e = e.Next() {
			r := e.Value.(*result)
			bytes += r.bytes
			for _, a := range r.outputs {
				holders[a]++
			}
		}
		if bytes != q.bytes || bytes > q.budget || q.order.Len() != len(q.byRun) {
			w.t.Errorf("step %d: a queue of %d bytes counts %d, of %d", step, bytes, q.bytes, q.budget)
		}
	}
	there := 0
	for i, a := range w.made {
		if want := int32(0); holders[a] > 0 {
			there++
			live += a.size
			if got := a.buffer.(*trackedBuffer).finalized.Load(); got != want || a.refs != holders[a] {
				w.t.Errorf("step %d: array %d has %d holders, %d references, and was finalized %d times", step, i, holders[a], a.refs, got)
			}
		} else if got := a.buffer.(*trackedBuffer).finalized.Load(); got != 1 || a.refs != 0 {
			w.t.Errorf("step %d: array %d, which nobody holds, has %d references, and was finalized %d times", step, i, a.refs, got)
		}
	}
	if w.s.live != live || w.s.arrays != there {
		w.t.Errorf("step %d: %d bytes in %d arrays are counted, %d in %d are there", step, w.s.live, w.s.arrays, live, there)
	}
	if seen := w.s.memo.seen.Len(); seen != len(w.s.memo.bySeen) || seen > maxSeen {
		w.t.Errorf("step %d: %d runs are known, in a list of %d", step, len(w.s.memo.bySeen), seen)
	}
}

// TestStoreKeepsItsCounts lets clients ask for anything in any order.
func TestStoreKeepsItsCounts(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(t, seed)
		for step := range 400 {
			steps[w.random.IntN(len(steps))](w)
			if w.check(step); t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		w.c.freeAll(w.s)
		w.c.held = map[uint64]any{}
		w.s.refund(w.charged)
		w.charged = 0
		w.s.programs.trim(0)
		if err := w.s.reserve(worldBudget); err != nil { // all the rest can be made again
			t.Errorf("seed %d: nobody holds anything, and %v", seed, err)
		}
		for key, k := range w.s.kept {
			if k.bytes() > 0 {
				t.Errorf("seed %d: %q is kept in a full store", seed, key.key)
			}
		}
		w.check(400)
	}
}

// TestStoreOfManyClients lets clients work side by side, each in a world that shares the store; the
// race detector watches. In the end nothing is left.
func TestStoreOfManyClients(t *testing.T) {
	s := newStore(worldBudget)
	var all sync.WaitGroup
	worlds := make([]*world, 8)
	for i := range worlds {
		w := newWorld(t, uint64(100+i))
		w.s, w.crowded, w.prefix = s, true, fmt.Sprint("client ", i, ", ")
		worlds[i] = w
		all.Go(func() {
			for range 300 {
				steps[w.random.IntN(len(steps))](w)
			}
			w.c.freeAll(s)
			s.refund(w.charged)
		})
	}
	all.Wait()
	for key := range s.kept {
		s.drop(key)
	}
	for {
		arrays, ok := s.evictMemo()
		if !ok {
			break
		}
		s.release(arrays...)
	}
	s.programs.trim(0)
	if s.live != 0 || s.arrays != 0 {
		t.Errorf("%d bytes in %d arrays are left", s.live, s.arrays)
	}
	for _, w := range worlds {
		for i, a := range w.made {
			if n := a.buffer.(*trackedBuffer).finalized.Load(); n != 1 {
				t.Errorf("array %d was finalized %d times", i, n)
			}
		}
	}
}
