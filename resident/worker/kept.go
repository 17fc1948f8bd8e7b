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

// bytes counts the blob, too.
func (k *kept) bytes() int64 {
	n := int64(len(k.blob))
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
	free := s.unkeep(key)
	s.live += int64(len(k.blob))
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

// peek returns the blob of what is kept under a key, which does not count as a use of it.
func (s *store) peek(key keptKey) (blob []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[key]
	if k == nil {
		return nil, false
	}
	return k.blob, true
}

// drop lets go of what is kept under a key.
func (s *store) drop(key keptKey) {
	s.mu.Lock()
	free := s.unkeep(key)
	s.mu.Unlock()
	finalize(free)
}

// unkeep takes out what is kept under a key and returns the arrays to finalize.
func (s *store) unkeep(key keptKey) []*array {
	k := s.kept[key]
	if k == nil {
		return nil
	}
	delete(s.kept, key)
	s.live -= int64(len(k.blob))
	return s.unref(k.arrays)
}

// evictKept takes out the least recently used entry of which no client has an
// array, and returns its arrays. Whoever looks for it finds it absent and loads it again.
func (s *store) evictKept() ([]*array, bool) {
	var oldest keptKey
	var found *kept
	keys := s.heldByKeys()
	for key, k := range s.kept {
		if k.idle(keys) && (found == nil || k.used < found.used) {
			oldest, found = key, k
		}
	}
	if found == nil {
		return nil, false
	}
	delete(s.kept, oldest)
	s.live -= int64(len(found.blob))
	return found.arrays, true
}

// heldByKeys counts the keys' references on each array. Several keys may hold the same: that alone
// must not keep any of them for ever.
func (s *store) heldByKeys() map[*array]int {
	keys := map[*array]int{}
	for _, k := range s.kept {
		for _, a := range k.arrays {
			keys[a]++
		}
	}
	return keys
}

// idle reports whether keys alone hold the arrays; held counts how many times each does.
func (k *kept) idle(held map[*array]int) bool {
	for _, a := range k.arrays {
		if a.refs > held[a] {
			return false
		}
	}
	return len(k.arrays) > 0 || len(k.blob) > 0
}
