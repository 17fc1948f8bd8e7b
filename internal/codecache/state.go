package codecache

import (
	"errors"
	"io/fs"
	"os"

	"gopherlens/internal/cachedir"
)

// A State is what there is on disk.
type State struct {
	Folder  string
	Limit   int64 // bytes; 0: nothing is kept, as the user wants it
	Entries int   // programs
	Bytes   int64 // of all files
}

// Look returns what there is on disk and changes nothing. An error says why nothing can be kept.
func Look() (State, error) {
	bytes, err := limit()
	if err != nil {
		return State{}, err
	}
	dir, err := folder()
	if err != nil {
		return State{}, err
	}
	st := State{Folder: dir, Limit: bytes}
	files, err := cachedir.Files(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	for _, f := range files {
		st.Bytes += f.Size()
		if len(f.Name()) == len(Key{}.name()) {
			st.Entries++
		}
	}
	return st, errors.Join(err, checkOwn(dir))
}

// Remove removes all compiled programs and returns where they were and how many bytes. Whatever the
// settings are, they are looked for.
func Remove() (dir string, bytes int64, err error) {
	if dir, err = folder(); err != nil {
		return "", 0, err
	}
	files, err := cachedir.Files(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return dir, 0, nil
	}
	if err != nil {
		return dir, 0, err
	}
	for _, f := range files {
		bytes += f.Size()
	}
	return dir, bytes, os.RemoveAll(dir)
}
