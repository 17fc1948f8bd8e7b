package codecache

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopherlens/internal/brief"
)

const (
	temporary = ".new-" // begins the name of a file that is being written

	// abandoned is the age at which such a file belongs to a process that ended over it.
	abandoned = time.Hour

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
		total, err := s.trim(bytes)
		if err != nil {
			return err
		}
		s.room = max((s.limit-total)/crowd, bytes)
	}
	s.room -= bytes
	return nil
}

// trim makes room for so many bytes and returns the size of what stays.
func (s *Store) trim(bytes int64) (total int64, err error) {
	files, err := s.files()
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		total += f.Size()
	}
	if total+bytes <= s.limit {
		return total, nil
	}
	for _, f := range files {
		if total+bytes <= s.limit-s.limit/share {
			break
		}
		if !removable(f) {
			continue
		}
		// Another process may have removed it already.
		if err := os.Remove(filepath.Join(s.dir, f.Name())); err == nil || os.IsNotExist(err) {
			total -= f.Size()
		}
	}
	if total+bytes > s.limit {
		return total, brief.Errorf("there is no room for compiled programs in %s", s.dir)
	}
	return total, nil
}

// removable reports whether nobody is writing the file.
func removable(f fs.FileInfo) bool {
	return !strings.HasPrefix(f.Name(), temporary) || time.Since(f.ModTime()) > abandoned
}

// files are the folder's files, those used least recently first.
func (s *Store) files() ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	return files, nil
}
