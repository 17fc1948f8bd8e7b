package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockInterval is how often a set-up looks whether another one has ended.
const lockInterval = 200 * time.Millisecond

// lock waits until no other set-up works in this checkout, as two would take
// each other's files away. The system drops the lock with the process.
func (s *Setup) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(s.Repo.Bin(), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(s.Repo.Bin(), "setup.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	stop := s.Status.Watch("waiting for another set-up in this checkout", nil)
	defer stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { file.Close() }, nil
		case err != syscall.EWOULDBLOCK:
			file.Close()
			return nil, fmt.Errorf("locking %s: %w", file.Name(), err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, context.Cause(ctx)
		case <-time.After(lockInterval):
		}
	}
}
