package worker

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// A socketFile is the name under which this worker is found. Where it is gone, or is a
// successor's, no client can find this worker any more.
type socketFile struct {
	path string
	info fs.FileInfo
}

// listen makes the socket, which only this user may open. The mode is right
// from the start: the folder is closed to others, and the mask to what is made.
// Closing the listener leaves the file, which may be another worker's by then.
func listen(dir string) (*net.UnixListener, *socketFile, error) {
	path := filepath.Join(dir, "worker.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, nil, fmt.Errorf("resident: %w", err)
	}
	l.SetUnlinkOnClose(false)
	info, err := os.Lstat(path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		l.Close()
		return nil, nil, fmt.Errorf("resident: %w", err)
	}
	return l, &socketFile{path, info}, nil
}

// there reports whether the file is still this worker's. A number of an inode is soon
// given to another file; the time of its making is then another.
func (s *socketFile) there() bool {
	info, err := os.Lstat(s.path)
	return err == nil && os.SameFile(info, s.info) && info.ModTime().Equal(s.info.ModTime())
}

// remove takes the file away, unless it is a successor's. Whoever holds the lock is
// about to start one, and removes what is in its way.
func (s *socketFile) remove() {
	lock, err := os.OpenFile(filepath.Join(filepath.Dir(s.path), "worker.lock"), os.O_RDWR, 0)
	if err == nil {
		defer lock.Close()
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			return
		}
	}
	if s.there() {
		os.Remove(s.path)
	}
}
