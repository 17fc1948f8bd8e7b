package worker

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A share is one worker's part of the budget that all workers of a user have together. Each says in
// a file of a common folder what it holds and what it wants; whoever computes has what it needs,
// and those that do not give back for it what can be made again. A worker locks its file as long as
// it lives, however it ends: a file that nobody locks counts for nothing.
type share struct {
	file  *os.File
	path  string
	total int64 // bytes for all workers together
	now   func() time.Time

	mu     sync.Mutex
	told   stake     // what the file says
	active time.Time // when this worker computed the last time
	vain   time.Time // when the others gave nothing
}

// stake is what one worker says of itself.
type stake struct {
	Held  int64 // bytes in use
	Wants int64 // the same with those that it waits for
}

// The files' names: until it is locked a file is hidden.
const (
	sharePrefix  = "worker-"
	hiddenPrefix = "." + sharePrefix
)

// openShare is this worker's share, whose file is in a folder that only its user may write.
func openShare(dir string, total int64) (*share, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, hiddenPrefix)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, strings.TrimPrefix(filepath.Base(f.Name()), "."))
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		f.Close()
		return nil, err
	}
	return &share{file: f, path: path, total: total, now: time.Now}, nil
}

// say writes this worker's stake, where that is another one.
func (s *share) say(own stake) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own == s.told {
		return
	}
	var text [stakeBytes]byte
	if _, err := binary.Encode(text[:], binary.LittleEndian, own); err != nil {
		return
	}
	if _, err := s.file.WriteAt(text[:], 0); err == nil {
		s.told = own
	}
}

// stakeBytes is the size of a stake in a file.
const stakeBytes = 16

// others adds up what the user's other workers hold and want. Files of workers that are gone are
// removed.
func (s *share) others() (sum stake) {
	dir := filepath.Dir(s.path)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if path == s.path || !strings.HasPrefix(e.Name(), sharePrefix) {
			continue
		}
		one, alive := readStake(path)
		if !alive {
			os.Remove(path)
			continue
		}
		sum.Held += one.Held
		sum.Wants += one.Wants
	}
	return sum
}

// readStake is what a file says; alive is false where no worker has it. One that cannot be read, or
// makes no sense, says nothing.
func readStake(path string) (one stake, alive bool) {
	f, err := os.Open(path)
	if err != nil {
		return stake{}, true
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return stake{}, false
	}
	text := make([]byte, stakeBytes)
	if _, err := io.ReadFull(f, text); err != nil {
		return stake{}, true
	}
	if _, err := binary.Decode(text, binary.LittleEndian, &one); err != nil || one.Held < 0 || one.Wants < one.Held {
		return stake{}, true
	}
	return one, true
}

// close takes this worker's file away.
func (s *share) close() {
	if s != nil {
		os.Remove(s.path)
		s.file.Close()
	}
}

// used notes that this worker computes.
func (s *share) used() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = s.now()
}

// rests reports whether it has not computed for a while.
func (s *share) rests() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Sub(s.active) > restsAfter
}

// restsAfter is how long a worker has not computed that gives back what it can for others: longer
// than the pauses between the calls of one cell. sharePatience is how long one waits for that.
const (
	restsAfter    = 2 * time.Second
	sharePatience = 4 * time.Second
)

// give lets go of what can be made again, if other workers lack memory and this one rests. It is
// called every now and then, and tells what this one holds, too.
func (s *store) give() (gave bool) {
	if s.share == nil || !s.share.rests() {
		return false
	}
	wanted := s.share.others().Wants
	s.mu.Lock()
	before := s.live
	free := s.evictUntil(func() bool { return s.live+wanted <= s.share.total })
	live := s.live
	s.mu.Unlock()
	finalize(free)
	s.share.say(stake{live, live})
	return live < before
}

// shared is how many bytes of the budget are left for this worker, and how many the others hold. It
// waits a little for these to give back what need bytes lack, unless that was in vain of late.
func (s *store) shared(need int64) (left, others int64) {
	begun := s.share.now()
	for {
		s.mu.Lock()
		live := s.live
		s.mu.Unlock()
		others = s.share.others().Held
		left = max(s.share.total-others, 0)
		if live+need <= left || others == 0 || !s.share.waits(begun) {
			return left, others
		}
		s.share.say(stake{live, live + need})
		time.Sleep(sharePause)
	}
}

const sharePause = 100 * time.Millisecond

// waits reports whether a worker that lacks memory since then should wait on.
func (s *share) waits(since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Sub(since) > sharePatience {
		s.vain = now
	}
	return s.vain.IsZero() || now.Sub(s.vain) > vainFor
}

// vainFor is how long a worker does not wait again after it did in vain.
const vainFor = 30 * time.Second
