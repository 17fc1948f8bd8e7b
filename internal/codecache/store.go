package codecache

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// A Store is the folder of compiled programs, open. It is safe for concurrent use, beside other
// processes too.
type Store struct {
	dir   string
	limit int64 // bytes of all files together

	mu   sync.Mutex
	room int64 // bytes that may be written before the folder is looked at again
}

// Open returns the user's store. It is nil where there is none: it is switched off, or there is no
// folder that this user alone can write to. Only a setting that means nothing is an error.
func Open() (*Store, error) {
	bytes, err := limit()
	if err != nil || bytes == 0 {
		return nil, err
	}
	dir, err := folder()
	if err != nil {
		return nil, nil
	}
	s := &Store{dir: dir, limit: bytes}
	if s.make() != nil {
		return nil, nil
	}
	return s, nil
}

// make makes the folder if it is not there. Its programs are run, so it must be the user's own.
func (s *Store) make() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return brief.Errorf("no folder for compiled programs: %w", err)
	}
	return checkOwn(s.dir)
}

// Get returns a program that an earlier process kept, and that it was used now. A file that is not
// as it was written is removed and counted.
func (s *Store) Get(key Key) (payload []byte, ok bool) {
	content, err := s.read(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err == nil {
		payload, err = decode(key, content)
	}
	if err != nil {
		s.Refuse(key)
		return nil, false
	}
	now := time.Now()
	os.Chtimes(s.path(key), now, now) // in a read-only folder the order of use is not kept
	return payload, true
}

// read reads a program's file, and nothing that is no file or longer than any program. What is
// open stays as it is, whatever others put in its place.
func (s *Store) read(key Key) ([]byte, error) {
	f, err := os.OpenFile(s.path(key), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > s.limit/share {
		return nil, errDamaged
	}
	content := make([]byte, info.Size())
	_, err = io.ReadFull(f, content)
	return content, err
}

// Refuse counts and removes a program that is there and cannot be used.
func (s *Store) Refuse(key Key) {
	counts.refused.Add(1)
	os.Remove(s.path(key)) // where that fails, it is refused again
}

// Put keeps a program for later processes.
func (s *Store) Put(key Key, payload []byte) error {
	content := encode(key, payload)
	if err := s.make(); err != nil {
		return err
	}
	if err := s.makeRoom(int64(len(content))); err != nil {
		return err
	}
	return write(s.path(key), content)
}

// write makes a file whole or not at all. What a power cut does to it is found when it is read.
func write(path string, content []byte) error { return wholefile.WriteSoon(path, 0o600, content) }

func (s *Store) path(key Key) string { return filepath.Join(s.dir, key.name()) }
