package codecache

import (
	"gopherlens/internal/brief"
	"gopherlens/internal/cachedir"
)

const (
	// A program larger than this part of the bound is not kept, and where the bound is reached this
	// part becomes free, so that files are not removed one by one.
	share = 8

	// crowd is how many processes may write at once before they exceed the bound together.
	crowd = 4
)

// makeRoom removes the least recently used programs where so many bytes more would exceed the
// bound.
func (s *Store) makeRoom(bytes int64) error {
	if bytes > s.limit/share {
		return brief.Errorf("a compiled program of %d bytes is more than an eighth of the %d bytes that %s allows",
			bytes, s.limit, LimitEnv)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room < bytes {
		total, err := cachedir.Trim(s.dir, s.limit-bytes, s.limit-s.limit/share-bytes)
		if err != nil {
			return err
		}
		s.room = max((s.limit-total)/crowd, bytes)
	}
	s.room -= bytes
	return nil
}
