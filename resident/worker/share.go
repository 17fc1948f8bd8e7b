package worker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A share is one worker's part of the budget that all workers of a user have together. Each says in
// a file of a common folder what it holds and what it wants; whoever computes has what it needs,
// and those that do not give back for it what can be made again.
type share struct {
	dir   string
	pid   int
	total int64 // bytes for all workers together
	now   func() time.Time

	mu     sync.Mutex
	told   stake     // what the file says
	active time.Time // when this worker computed the last time
	vain   time.Time // when the others gave nothing
}

// stake is what one worker says of itself.
type stake struct {
	Held  int64 `json:"held"`  // bytes in use
	Wants int64 `json:"wants"` // the same with those that it waits for
}

// openShare is the share of this process, whose file is in a folder that only its user may write.
func openShare(dir string, total int64) (*share, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &share{dir: dir, pid: os.Getpid(), total: total, now: time.Now}, nil
}

// say writes this worker's stake, where that is another one.
func (s *share) say(own stake) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own == s.told {
		return
	}
	text, err := json.Marshal(own)
	if err != nil {
		return
	}
	path := s.path(s.pid)
	if os.WriteFile(path+".new", text, 0o600) == nil && os.Rename(path+".new", path) == nil {
		s.told = own
	}
}

func (s *share) path(pid int) string { return filepath.Join(s.dir, strconv.Itoa(pid)) }

// others adds up what the user's other workers hold and want. Files of processes that are gone are
// removed.
func (s *share) others() (sum stake) {
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		pid, err := strconv.Atoi(strings.TrimSuffix(e.Name(), ".new"))
		if err != nil || pid == s.pid {
			continue
		}
		path := filepath.Join(s.dir, e.Name())
		if syscall.Kill(pid, 0) == syscall.ESRCH {
			os.Remove(path)
			continue
		}
		var one stake
		text, err := os.ReadFile(path)
		if err == nil && json.Unmarshal(text, &one) == nil && one.Held >= 0 && one.Wants >= one.Held {
			sum.Held += one.Held
			sum.Wants += one.Wants
		}
	}
	return sum
}

// close takes this worker's file away.
func (s *share) close() {
	if s != nil {
		os.Remove(s.path(s.pid))
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
