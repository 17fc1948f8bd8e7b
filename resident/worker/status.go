package worker

import (
	"slices"
	"strings"
	"time"

	"gopherlens/internal/codecache"
	"gopherlens/resident/internal/wire"
)

// status answers with what the worker holds.
func (s *server) status(c *call, reply *response) error {
	if err := c.Done(); err != nil {
		return err
	}
	st := wire.State{PID: s.pid, Uptime: time.Since(s.started), Programs: s.store.programs.count(),
		ProgramBytes: s.store.programs.bytes()}
	disk := codecache.Counts()
	st.Compiled, st.FromDisk = disk.Compiled, disk.Loaded
	s.mu.Lock()
	for _, who := range s.clients {
		if who != c.client { // whoever asks uses nothing
			st.Clients++
			st.Handles += who.handles()
		}
	}
	s.mu.Unlock()
	s.backends.mu.Lock()
	for _, b := range s.backends.open {
		st.Backends = append(st.Backends, b.config)
	}
	s.backends.mu.Unlock()
	s.store.state(&st)
	st.Put(&reply.Encoder)
	return nil
}

func (s *store) state(st *wire.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Budget, st.Bytes, st.Arrays = s.budget, s.live, s.arrays
	st.MemoHits, st.MemoMisses = s.memo.hits, s.memo.misses
	st.MemoResults, st.MemoBytes, st.MemoOnce = s.memo.state()
	for key, k := range s.kept {
		st.Kept = append(st.Kept, wire.Kept{Key: key.key, Arrays: len(k.arrays), Bytes: k.bytes()})
	}
	slices.SortFunc(st.Kept, func(a, b wire.Kept) int { return strings.Compare(a.Key, b.Key) })
}
