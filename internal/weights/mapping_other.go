//go:build !unix

package weights

import (
	"io"
	"os"
)

// mapBytes reads the whole file where the system has no mmap that Go knows.
func mapBytes(f *os.File, size int64) ([]byte, error) {
	b := make([]byte, size)
	_, err := io.ReadFull(f, b)
	return b, err
}

func unmapBytes([]byte) error { return nil }

// forgetBytes cannot: the bytes are the only copy.
func forgetBytes([]byte) {}

func inode(os.FileInfo) uint64 { return 0 }
