package corpus

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopherlens/internal/brief"
)

// A file is one whose content has been read, as far as the system can tell.
type file struct {
	path string
	size int64
	time time.Time
}

// open opens the file, which must not have changed.
func (f file) open() (*os.File, error) {
	opened, err := os.Open(f.path)
	if err != nil {
		return nil, brief.Errorf("corpus: %w", err)
	}
	info, err := opened.Stat()
	if err == nil && (info.Size() != f.size || !info.ModTime().Equal(f.time)) {
		err = brief.Errorf("%s has changed since it was first read: open the corpus again", f.path)
	}
	if err != nil {
		opened.Close()
		return nil, brief.Errorf("corpus: %w", err)
	}
	return opened, nil
}

// openFirst opens a file that has not been read before.
func openFirst(path string) (*os.File, file, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, file{}, brief.Errorf("corpus: %w", err)
	}
	info, err := opened.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = brief.Errorf("%s is no regular file", path)
	}
	if err != nil {
		opened.Close()
		return nil, file{}, brief.Errorf("corpus: %w", err)
	}
	return opened, file{path, info.Size(), info.ModTime()}, nil
}

// readFirst passes a file to read, and adds its content to a checksum.
func readFirst(path string, sum hash.Hash, read func(io.Reader) error) (file, error) {
	opened, f, err := openFirst(path)
	if err != nil {
		return f, err
	}
	defer opened.Close()
	fmt.Fprintf(sum, "%d:", f.size)
	content := io.TeeReader(opened, sum)
	if err := read(content); err != nil {
		return f, brief.Errorf("corpus: reading %s: %w", path, err)
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return f, brief.Errorf("corpus: reading %s: %w", path, err)
	}
	return f, nil
}

// find lists the files that paths mean: files, globs, and folders with all that is in them but
// hidden files, each once, in the order of the paths and then of the names.
func find(paths []string) ([]string, error) {
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

// Files are files as documents: each is one, is called by its path, and is read whole. A path is a
// file, a glob such as "notes/*.txt", or a folder, which means all files in it and in its folders
// but hidden ones. All are read once at first, for the checksum; the names are not part of it.
func Files(paths ...string) (Indexed, error) {
	found, err := find(paths)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	t := &fileTexts{}
	for _, path := range found {
		f, err := readFirst(path, sum, func(content io.Reader) error { return nil })
		if err != nil {
			return nil, err
		}
		t.files = append(t.files, f)
	}
	t.key = "files " + hex.EncodeToString(sum.Sum(nil))
	return t, nil
}

// fileTexts are files as documents.
type fileTexts struct {
	files []file
	key   string
}

// Len implements [Indexed].
func (t *fileTexts) Len() int { return len(t.files) }

// Key implements [Texts].
func (t *fileTexts) Key() string { return t.key }

// From implements [Texts].
func (t *fileTexts) From(document int) iter.Seq2[Document, error] { return fromIndexed(t, document) }

// At implements [Indexed].
func (t *fileTexts) At(i int) (Document, error) {
	if err := checkAt(i, len(t.files)); err != nil {
		return Document{}, err
	}
	opened, err := t.files[i].open()
	if err != nil {
		return Document{}, err
	}
	defer opened.Close()
	content, err := io.ReadAll(opened)
	if err != nil {
		return Document{}, brief.Errorf("corpus: reading %s: %w", t.files[i].path, err)
	}
	d := Document{Text: string(content), Name: t.files[i].path}
	return d, checkUTF8(d.Name, d.Text)
}
