package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gopherlens/internal/brief"
)

// WriteFolder has a new folder filled and puts it at path when all in it is on the disk. Whatever
// folder was there goes. Its mode is less the umask.
func WriteFolder(path string, mode fs.FileMode, fill func(folder string) error) error {
	path = filepath.Clean(path)
	lock, err := hidden(path, func(temp string) (*os.File, error) {
		if err := os.Mkdir(temp, mode); err != nil {
			return nil, err
		}
		f, err := os.Open(temp)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errSwept
		}
		return f, err
	})
	if err != nil {
		return err
	}
	defer lock.Close()
	temp := lock.Name()
	defer os.RemoveAll(temp) // nothing, or after an exchange what was at path before
	if err := fill(temp); err != nil {
		return err
	}
	if err := syncAll(temp); err != nil {
		return err
	}
	return exchange(temp, path)
}

// WriteNewFolder is [WriteFolder] for a folder that must be empty or not there; those above it are
// made.
func WriteNewFolder(path string, mode fs.FileMode, fill func(folder string) error) error {
	switch there, err := Others(path); {
	case err != nil:
		return err
	case len(there) > 0:
		return brief.Errorf("the folder holds %s: give another, or remove it", brief.Names(there))
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(path)), mode); err != nil {
		return err
	}
	return WriteFolder(path, mode, fill)
}

// Others are the names of what a folder holds besides the known, which [WriteFolder] would take
// away; none of a folder that is not there.
func Others(folder string, known ...string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// syncAll has a folder and all below it written to the disk.
func syncAll(folder string) error {
	return filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// exchangeInTwo is exchange where there is no call that does both: between its renamings there is
// no folder of the name, and the two lie beside it.
func exchangeInTwo(from, to string) error {
	before := from + ".before" // which no sweep removes
	if err := os.Rename(to, before); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Rename(before, to))
	}
	return os.Rename(before, from)
}
