package worker

import (
	"container/list"
	"sync/atomic"
	"time"
)

// The parts of the memory budget that remembered results may take: one in so many.
// What was asked for once only has a small part, and at most onceMost bytes: nearly
// all results are of that kind, such as each step's keys and values of a generation.
const (
	memoShare = 4
	onceShare = 32
	onceMost  = 512 << 20
)

// bookkeeping is what an output costs beside its values: a million remembered scalars
// would otherwise count for nothing.
const bookkeeping = 512

// maxSeen is how many runs the memo knows to have been done once.
const maxSeen = 1 << 14

// worthPerGiB is how long computing must have taken for a result to be worth its memory
// for long. Patching sweeps, a number for each of a thousand runs, are by far; a step of
// a generation with the keys and values of all tokens so far is not, however often the
// same text is generated.
const worthPerGiB = 10 * time.Second

// A memo remembers the results of executions, by what they were computed from. It is
// Johnson and Shasha's 2Q (VLDB 1994): a result is kept for long only at second sight.
// At first it goes to the queue once; when it leaves that, its run stays in seen for a
// while. A run that is asked for again, from once or by a run that is in seen, goes to
// often if it is worth that. Both queues drop what was used least recently. The store's
// lock guards it.
type memo struct {
	once, often queue
	seen        *list.List // of identity, the oldest first
	bySeen      map[identity]*list.Element
	hits        int64
	misses      int64
}

// A queue holds results up to a size, the least recently used first.
type queue struct {
	budget int64 // 0: no limit
	bytes  int64
	order  *list.List // of *result
	byRun  map[identity]*list.Element
}

type result struct {
	run     identity
	outputs []*array
	bytes   int64
	pace    *pace // of the program that computed it
}

// worth reports whether the result pays for its memory.
func (r *result) worth() bool {
	return r.pace.fastest().Seconds() >= float64(r.bytes)/(1<<30)*worthPerGiB.Seconds()
}

// A pace is the least time that any run of a program has taken. A single run's says little: on a
// busy machine it may be many times what computing the result again would take.
type pace struct{ nanoseconds atomic.Int64 }

func (p *pace) note(took time.Duration) {
	for {
		least := p.nanoseconds.Load()
		if least != 0 && int64(took) >= least || p.nanoseconds.CompareAndSwap(least, max(1, int64(took))) {
			return
		}
	}
}

func (p *pace) fastest() time.Duration { return time.Duration(p.nanoseconds.Load()) }

func newQueue(budget int64) queue {
	return queue{budget: budget, order: list.New(), byRun: map[identity]*list.Element{}}
}

// newMemo divides a worker's budget; 0 is none.
func newMemo(budget int64) memo {
	m := memo{seen: list.New(), bySeen: map[identity]*list.Element{}, often: newQueue(budget / memoShare)}
	m.once = newQueue(onceMost)
	if budget > 0 {
		m.once.budget = min(max(budget/onceShare, 1), onceMost)
	}
	return m
}

// recall returns the outputs of an execution that was done before, with a
// reference on each for the caller.
func (s *store) recall(run identity) ([]*array, bool) {
	s.mu.Lock()
	r := s.memo.find(run)
	if r == nil {
		s.memo.misses++
		s.mu.Unlock()
		return nil, false
	}
	s.memo.hits++
	for _, a := range r.outputs {
		a.refs++
	}
	free := s.unref(s.memo.trim())
	s.mu.Unlock()
	finalize(free)
	return r.outputs, true
}

// remember puts an execution's outputs into the memo, which takes a reference
// on each, and lets older results go if they are too many.
func (s *store) remember(run identity, outputs []*array, pace *pace) {
	r := &result{run: run, outputs: outputs, pace: pace}
	for _, a := range outputs {
		r.bytes += a.size + bookkeeping
	}
	s.mu.Lock()
	var free []*array
	if s.memo.add(r) {
		for _, a := range outputs {
			a.refs++
		}
		free = s.unref(s.memo.trim())
	}
	s.mu.Unlock()
	finalize(free)
}

// find returns the result of a run, which has now been asked for again.
func (m *memo) find(run identity) *result {
	if e, ok := m.often.byRun[run]; ok {
		m.often.order.MoveToBack(e)
		return e.Value.(*result)
	}
	r := m.once.remove(m.once.byRun[run])
	if r == nil {
		return nil
	}
	if r.worth() && m.often.fits(r) {
		m.often.push(r)
	} else {
		m.once.push(r)
	}
	return r
}

// add takes in a result that is not there, unless it is too large for its queue.
func (m *memo) add(r *result) bool {
	if m.once.byRun[r.run] != nil || m.often.byRun[r.run] != nil {
		return false
	}
	q := &m.once
	if m.forget(r.run) && r.worth() {
		q = &m.often
	}
	if !q.fits(r) {
		m.see(r.run)
		return false
	}
	q.push(r)
	return true
}

// trim brings the queues back to their sizes and returns the arrays of what is dropped.
func (m *memo) trim() (out []*array) {
	for m.once.full() {
		r := m.once.oldest()
		m.see(r.run)
		out = append(out, r.outputs...)
	}
	for m.often.full() {
		out = append(out, m.often.oldest().outputs...)
	}
	return out
}

// evict drops the least recently used result, of those asked for once first, and
// returns its arrays, whose references pass to the caller; nil if there is none.
func (m *memo) evict() []*array {
	if r := m.once.oldest(); r != nil {
		m.see(r.run)
		return r.outputs
	}
	if r := m.often.oldest(); r != nil {
		return r.outputs
	}
	return nil
}

// see notes that a run was done, and forgets the oldest if they are too many.
func (m *memo) see(run identity) {
	m.forget(run)
	m.bySeen[run] = m.seen.PushBack(run)
	if m.seen.Len() > maxSeen {
		m.forget(m.seen.Front().Value.(identity))
	}
}

// forget takes a run out of those that were seen, and reports whether it was there.
func (m *memo) forget(run identity) bool {
	e, ok := m.bySeen[run]
	if ok {
		m.seen.Remove(e)
		delete(m.bySeen, run)
	}
	return ok
}

func (q *queue) fits(r *result) bool { return q.budget == 0 || r.bytes <= q.budget }

func (q *queue) full() bool { return q.budget > 0 && q.bytes > q.budget }

func (q *queue) push(r *result) {
	q.byRun[r.run] = q.order.PushBack(r)
	q.bytes += r.bytes
}

// oldest takes out the least recently used result, nil if there is none.
func (q *queue) oldest() *result { return q.remove(q.order.Front()) }

func (q *queue) remove(e *list.Element) *result {
	if e == nil {
		return nil
	}
	r := q.order.Remove(e).(*result)
	delete(q.byRun, r.run)
	q.bytes -= r.bytes
	return r
}

// state tells how much there is.
func (m *memo) state() (results int, bytes, once int64) {
	return m.once.order.Len() + m.often.order.Len(), m.once.bytes + m.often.bytes, m.once.bytes
}
