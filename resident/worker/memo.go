package worker

import "container/list"

// memoShare is the part of the memory budget that remembered results may take:
// one in so many.
const memoShare = 4

// A memo remembers the results of executions, by what they were computed from.
// The store's lock guards it.
type memo struct {
	budget int64 // 0: no limit
	bytes  int64
	order  *list.List // of *result, the least recently used first
	byRun  map[identity]*list.Element
	hits   int64
	misses int64
}

type result struct {
	run     identity
	outputs []*array
	bytes   int64
}

func newMemo(budget int64) memo {
	return memo{budget: budget, order: list.New(), byRun: map[identity]*list.Element{}}
}

// recall returns the outputs of an execution that was done before, with a
// reference on each for the caller.
func (s *store) recall(run identity) ([]*array, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.memo.byRun[run]
	if !ok {
		s.memo.misses++
		return nil, false
	}
	s.memo.hits++
	s.memo.order.MoveToBack(e)
	outputs := e.Value.(*result).outputs
	for _, a := range outputs {
		a.refs++
	}
	return outputs, true
}

// remember puts an execution's outputs into the memo, which takes a reference
// on each, and lets older results go if they are too many.
func (s *store) remember(run identity, outputs []*array) {
	r := &result{run: run, outputs: outputs}
	for _, a := range outputs {
		r.bytes += a.size
	}
	s.mu.Lock()
	if _, ok := s.memo.byRun[run]; ok || s.memo.budget > 0 && r.bytes > s.memo.budget {
		s.mu.Unlock()
		return
	}
	for _, a := range outputs {
		a.refs++
	}
	s.memo.byRun[run] = s.memo.order.PushBack(r)
	s.memo.bytes += r.bytes
	var free []*array
	for s.memo.budget > 0 && s.memo.bytes > s.memo.budget {
		free = append(free, s.unref(s.memo.evict())...)
	}
	s.mu.Unlock()
	finalize(free)
}

// evict forgets the least recently used result and returns its arrays, whose
// references pass to the caller; nil if there is none.
func (m *memo) evict() []*array {
	e := m.order.Front()
	if e == nil {
		return nil
	}
	r := m.order.Remove(e).(*result)
	delete(m.byRun, r.run)
	m.bytes -= r.bytes
	return r.outputs
}
