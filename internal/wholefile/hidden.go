package wholefile

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// marker stands between the name that a file is to have and a number.
	marker = ".gopherlens-"
	// longestName is the part of that name which its hidden name repeats, in bytes: with marker and
	// number it must be no longer than the 255 that file systems allow.
	longestName = 200
)

var hiddenName = regexp.MustCompile(`^\..*` + regexp.QuoteMeta(marker) + `[0-9]+$`)

// IsHidden tells whether a file or folder of this name is being written, or was left when its
// writer was killed.
func IsHidden(name string) bool { return hiddenName.MatchString(name) }

// errSwept says that what was just made was removed before it could be locked.
var errSwept = errors.New("swept")

// hidden removes what was left in the folder of path, makes a file or folder beside path, and locks
// it.
func hidden(path string, create func(temp string) (*os.File, error)) (*os.File, error) {
	dir, name := filepath.Split(path)
	Sweep(filepath.Clean(dir))
	name = strings.ToValidUTF8(name[:min(len(name), longestName)], "")
	for {
		f, err := create(dir + "." + name + marker + strconv.FormatUint(rand.Uint64(), 10))
		switch {
		case errors.Is(err, fs.ErrExist) || errors.Is(err, errSwept):
		case err != nil:
			return nil, err
		case held(f):
			return f, nil
		default:
			f.Close()
		}
	}
}

// held locks a file that was just made. It is false where a sweep was faster and removes it. On a
// file system without locks nobody can sweep.
func held(f *os.File) bool {
	if err := lock(f); errors.Is(err, unix.EWOULDBLOCK) {
		return false
	}
	mine, err := f.Stat()
	there, err2 := os.Lstat(f.Name())
	return err == nil && err2 == nil && os.SameFile(mine, there)
}

func lock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Sweep removes what writers that were killed left in a folder. Whatever cannot be removed stays.
func Sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if IsHidden(e.Name()) && (e.IsDir() || e.Type().IsRegular()) {
			sweep(filepath.Join(dir, e.Name()))
		}
	}
}

// sweep removes a hidden file or folder whose writer is gone.
func sweep(path string) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if lock(f) == nil {
		os.RemoveAll(path)
	}
}
