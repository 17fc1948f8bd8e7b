// Package pinned puts files that are fetched into the user's cache: whole, and only those whose
// checksum is the one that is written down.
package pinned

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/wholefile"
)

// A File is one whose content is known before it is fetched.
type File struct {
	Name   string // for messages
	SHA256 string // hexadecimal
	Size   int64  // in bytes
	Target []string
}

// Path returns where the file is, or will be.
func (f File) Path() (string, error) { return cachedir.Join(f.Target...) }

// Present tells whether the file is in its place with its size. As it gets its
// name only after its checksum was found right, no more is asked each time;
// Verify reads all of it.
func (f File) Present() (bool, error) {
	path, err := f.Path()
	if err != nil {
		return false, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Size() == f.Size, err
}

// Verify compares the checksum of the file in its place. As long as it is there nothing else is
// fetched.
func (f File) Verify() error {
	path, err := f.Path()
	if err != nil {
		return err
	}
	return check(path, path, f.SHA256, "remove it, and fetch it again")
}

// Check compares the checksum of the file at path, which messages call name.
func Check(path, name, want string) error { return check(path, name, want, fetchAgain) }

func check(path, name, want, advice string) error {
	_, sum, err := wholefile.Sum(path)
	if err != nil {
		return err
	}
	return compare(name, sum, want, advice)
}

// Place makes the file at path of what write writes, whole or not at all. Where that is not the
// file that is pinned, it returns an error and leaves path as it was.
func (f File) Place(path string, write func(io.Writer) error) error {
	return wholefile.Write(path, 0o644, func(w io.Writer) error {
		sum := sha256.New()
		if err := write(io.MultiWriter(w, sum)); err != nil {
			return err
		}
		return compare(f.Name, hex.EncodeToString(sum.Sum(nil)), f.SHA256, fetchAgain)
	})
}

// fetchAgain is what to do about a file that came as another than the pinned one.
const fetchAgain = "fetch it again, and check your package index if this comes back"

// compare returns an error with advice unless got is want.
func compare(name, got, want, advice string) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s has SHA-256 %s, expected %s; it is damaged or another file, and is not used: %s", name, got, want, advice)
}
