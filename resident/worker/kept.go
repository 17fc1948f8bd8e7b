package worker

// A keptKey is a client's key; the same key with another backend is another.
type keptKey struct {
	backend uint64
	key     string
}

// kept is what a client stored under a key.
type kept struct {
	blob   []byte
	names  []string
	arrays []*array
	used   int64 // the store's clock
}

func (k *kept) bytes() (n int64) {
	for _, a := range k.arrays {
		n += a.size
	}
	return n
}

// keep stores arrays under a key with a reference on each, in the place of what
// was there.
func (s *store) keep(key keptKey, k *kept) {
	s.mu.Lock()
	for _, a := range k.arrays {
		a.refs++
	}
	var free []*array
	if old := s.kept[key]; old != nil {
		free = s.unref(old.arrays)
	}
	s.clock++
	k.used = s.clock
	s.kept[key] = k
	s.mu.Unlock()
	finalize(free)
}

// attach returns what is kept under a key, with a reference on each array for
// the caller, or nil.
func (s *store) attach(key keptKey) *kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[key]
	if k == nil {
		return nil
	}
	for _, a := range k.arrays {
		a.refs++
	}
	s.clock++
	k.used = s.clock
	return k
}

// drop lets go of what is kept under a key.
func (s *store) drop(key keptKey) {
	s.mu.Lock()
	var free []*array
	if k := s.kept[key]; k != nil {
		delete(s.kept, key)
		free = s.unref(k.arrays)
	}
	s.mu.Unlock()
	finalize(free)
}

// evictKept takes out the least recently used entry of which no client has an
// array, and returns its arrays; nil if there is none. Whoever looks for it
// finds it absent and loads it again.
func (s *store) evictKept() []*array {
	var oldest keptKey
	var found *kept
	for key, k := range s.kept {
		if k.idle() && (found == nil || k.used < found.used) {
			oldest, found = key, k
		}
	}
	if found == nil {
		return nil
	}
	delete(s.kept, oldest)
	return found.arrays
}

// idle reports whether the key alone holds the arrays.
func (k *kept) idle() bool {
	for _, a := range k.arrays {
		if a.refs > 1 {
			return false
		}
	}
	return len(k.arrays) > 0
}
