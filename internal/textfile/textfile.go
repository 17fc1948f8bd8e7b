// Package textfile finds the files of a corpus, and notices when one has changed since it was first
// read.
package textfile

import (
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopherlens/internal/brief"
)

// A File is one whose content has been read, as far as the system can tell.
type File struct {
	Path string
	Size int64
	time time.Time
}

// Open opens the file, which must not have changed.
func (f File) Open() (*os.File, error) {
	opened, err := os.Open(f.Path)
	if err != nil {
		return nil, brief.Errorf("corpus: %w", err)
	}
	info, err := opened.Stat()
	if err == nil && (info.Size() != f.Size || !info.ModTime().Equal(f.time)) {
		err = brief.Errorf("%s has changed since it was first read: open the corpus again", f.Path)
	}
	if err != nil {
		opened.Close()
		return nil, brief.Errorf("corpus: %w", err)
	}
	return opened, nil
}

// openFirst opens a file that has not been read before.
func openFirst(path string) (*os.File, File, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, File{}, brief.Errorf("corpus: %w", err)
	}
	info, err := opened.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = brief.Errorf("%s is no regular file", path)
	}
	if err != nil {
		opened.Close()
		return nil, File{}, brief.Errorf("corpus: %w", err)
	}
	return opened, File{path, info.Size(), info.ModTime()}, nil
}

// Read passes a file to read, and adds its content to a checksum.
func Read(path string, sum hash.Hash, read func(io.Reader) error) (File, error) {
	opened, f, err := openFirst(path)
	if err != nil {
		return f, err
	}
	defer opened.Close()
	fmt.Fprintf(sum, "%d:", f.Size)
	content := io.TeeReader(opened, sum)
	if err := read(content); err != nil {
		return f, brief.Errorf("corpus: reading %s: %w", path, err)
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return f, brief.Errorf("corpus: reading %s: %w", path, err)
	}
	return f, nil
}

// Find lists the files that paths mean: files, globs, and folders with all that is in them but
// hidden files, each once, in the order of the paths and then of the names.
func Find(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, brief.Errorf("corpus: no file is named")
	}
	var found []string
	seen := make(map[string]bool)
	for _, path := range paths {
		some, err := expand(path)
		if err != nil {
			return nil, err
		}
		for _, one := range some {
			if one = filepath.Clean(one); !seen[one] {
				seen[one], found = true, append(found, one)
			}
		}
	}
	return found, nil
}

// expand lists the files of one path, of which there must be some.
func expand(path string) ([]string, error) {
	matches := []string{path}
	if _, err := os.Stat(path); err != nil && strings.ContainsAny(path, "*?[") {
		if matches, err = filepath.Glob(path); err != nil {
			return nil, brief.Errorf("corpus: %q: %w", path, err)
		}
	}
	var files []string
	for _, match := range matches {
		some, err := walk(match)
		if err != nil {
			return nil, err
		}
		files = append(files, some...)
	}
	if len(files) == 0 {
		return nil, brief.Errorf("corpus: there is no file in %q", path)
	}
	return files, nil
}

// walk lists the files below a path.
func walk(path string) ([]string, error) {
	var files []string
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path += string(filepath.Separator) // so that a link to a folder is one
	}
	err := filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		switch hidden := at != path && strings.HasPrefix(entry.Name(), "."); {
		case err != nil:
			return err
		case hidden && entry.IsDir():
			return fs.SkipDir
		case !hidden && !entry.IsDir():
			files = append(files, at)
		}
		return nil
	})
	if err != nil {
		return nil, brief.Errorf("corpus: %w", err)
	}
	return files, nil
}
