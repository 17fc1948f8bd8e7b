package activations

import (
	"context"
	"errors"
	"sync"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/wholefile"
)

// A Store is a folder of activations, open for reading. It is safe for concurrent use, Close
// excepted, and beside a harvest that makes it longer, of which it sees nothing.
type Store struct {
	folder string
	index  *index
	shards []*shard
	sums   func() (*sums, error)
}

var errNilStore = errors.New("the store is nil, or activations.Store{}: look at the error of the Harvest or Open that should have made it")

// check reports a store that nothing has opened, and one that was closed.
func (s *Store) check() error {
	switch {
	case s == nil || s.index == nil:
		return errNilStore
	case s.shards == nil:
		return brief.Errorf("the store in %s was closed", s.folder)
	}
	return nil
}

// Open opens what [Harvest] has written, up to the first shard that is missing. The shards are
// mapped into memory, and their headers and sizes checked; [Store.Verify] checks every byte.
func Open(folder string) (*Store, error) {
	x, err := readIndex(folder)
	if err != nil {
		return nil, err
	}
	s := &Store{folder: folder, index: x}
	for i, e := range x.Shards {
		if !e.present() {
			x.Shards = x.Shards[:i]
			break
		}
		sh, err := openShard(folder, x, i)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.shards = append(s.shards, sh)
	}
	if len(s.shards) == 0 {
		return nil, brief.Errorf("%s holds no shard yet: harvest again to go on", folder)
	}
	s.sums = sync.OnceValues(s.readSums)
	return s, nil
}

// readSums reads the statistics, and makes those of shards that are not in the file.
func (s *Store) readSums() (*sums, error) {
	all, err := loadSums(s.folder, s.index)
	if err != nil {
		return nil, err
	}
	for all.covered < len(s.shards) {
		all.fold(s.shards[all.covered], s.index)
	}
	return all, nil
}

// Close unmaps the shards.
func (s *Store) Close() error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, sh := range s.shards {
		errs = append(errs, sh.close())
	}
	s.shards = nil
	return errors.Join(errs...)
}

// About says what the store holds, and what it was computed with.
func (s *Store) About() (About, error) {
	if err := s.check(); err != nil {
		return About{}, err
	}
	return s.index.About, nil
}

// Rows is the number of rows of tokens; each has [About.Context] of them. A store that is nil or
// closed has none.
func (s *Store) Rows() int {
	if s.check() != nil {
		return 0
	}
	return s.index.rows()
}

// Tokens is the number of tokens, and of activations of each site.
func (s *Store) Tokens() int {
	if s.check() != nil {
		return 0
	}
	return s.index.rows() * s.index.About.Context
}

// Row are the token ids of a row.
func (s *Store) Row(row int) ([]int, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if row < 0 || row >= s.index.rows() {
		return nil, brief.Errorf("there is no row %d: the store has %d", row, s.index.rows())
	}
	a := s.index.About
	sh, first := s.shards[row/a.Shard], row%a.Shard*a.Context
	ids := make([]int, a.Context)
	for p := range ids {
		ids[p] = sh.token(first + p)
	}
	return ids, nil
}

// Verify reads every byte of the shards and holds it against the checksums of the index.
func (s *Store) Verify(ctx context.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	var errs []error
	for i, e := range s.index.Shards {
		if err := fault.Ended(ctx, "%d of %d shards were verified", i, len(s.index.Shards)); err != nil {
			return err
		}
		path := shardPath(s.folder, i)
		_, sum, err := wholefile.Sum(path)
		if err == nil && sum != e.SHA256 {
			err = unlike(path, "its SHA-256 is %s, the index says %s", sum, e.SHA256)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
