//go:build unix

package weights

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// mapBytes shares the pages with the kernel's cache: a second process that opens the
// same checkpoint takes no further memory.
func mapBytes(f *os.File, size int64) ([]byte, error) {
	return syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
}

func unmapBytes(b []byte) error { return syscall.Munmap(b) }

// forgetBytes drops the process's pages of a mapping; touched again, they come back.
func forgetBytes(b []byte) {
	if len(b) > 0 {
		_ = unix.Madvise(b, unix.MADV_DONTNEED)
	}
}

// inode numbers the file, so that one replaced within the clock's tick still differs.
func inode(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}
