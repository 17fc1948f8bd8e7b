package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"gopherlens/internal/fault"
	"os"
	"path/filepath"
)

// mapping is a file mapped read-only into memory.
//
// The kernel reads pages as they are touched and may drop them again, so mapped
// weights do not count as memory held. A file that is cut short while it is mapped
// faults on access: checkpoints are replaced by rename (as [WriteSafetensors]
// does), which leaves the mapped version whole.
type mapping struct {
	path  string
	info  os.FileInfo // of the open file, so that it describes what is mapped
	bytes []byte
}

// mapFile maps the file at path.
func mapFile(path string) (*mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	defer f.Close() // the mapping stays valid without the descriptor
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fault.Mark(fmt.Errorf("weights: %s is not a regular file", path), fault.ErrUnsupportedFile)
	}
	m := &mapping{path: path, info: info}
	if info.Size() == 0 {
		return m, nil // mmap refuses length 0; readers will say what is missing
	}
	if m.bytes, err = mapBytes(f, info.Size()); err != nil {
		return nil, fmt.Errorf("weights: cannot map %s: %w", path, err)
	}
	return m, nil
}

// close may be called again: a File is closed on errors, and by its owner.
func (m *mapping) close() error {
	b := m.bytes
	m.bytes = nil
	if len(b) == 0 {
		return nil
	}
	return unmapBytes(b)
}

// Identity tells whether the files behind the checkpoint have changed without
// reading them: a hash of their real paths, sizes, modification times and inodes.
func (f *File) Identity() (string, error) {
	lines := make([]string, len(f.parts))
	for i, m := range f.parts {
		line, err := identityLine(m.path, m.info)
		if err != nil {
			return "", err
		}
		lines[i] = line
	}
	return hashLines(lines), nil
}

// Identity is [File.Identity] for a checkpoint that need not be opened: the same
// string, for the price of a few stat calls.
func Identity(path string) (string, error) {
	c, err := locate(path)
	if err != nil {
		return "", err
	}
	lines := make([]string, len(c.parts))
	for i, part := range c.parts {
		info, err := os.Stat(part)
		if err != nil {
			return "", fmt.Errorf("weights: %w", err)
		}
		if lines[i], err = identityLine(part, info); err != nil {
			return "", err
		}
	}
	return hashLines(lines), nil
}

// identityLine resolves symbolic links first, since the hub's cache is made of
// them: two snapshots that share a blob share its identity.
func identityLine(path string, info os.FileInfo) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("weights: %w", err)
	}
	if real, err = filepath.Abs(real); err != nil {
		return "", fmt.Errorf("weights: %w", err)
	}
	return fmt.Sprintf("%q %d %d %d", real, info.Size(), info.ModTime().UnixNano(), inode(info)), nil
}

// hashLines makes one key of any number of files, short enough for a file name.
func hashLines(lines []string) string {
	h := sha256.New()
	for _, line := range lines {
		fmt.Fprintln(h, line)
	}
	return hex.EncodeToString(h.Sum(nil))
}
