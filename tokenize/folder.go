package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopherlens/internal/fault"
)

// A folder is where a tokenizer's files are read from: on disk, or in memory. It remembers which
// were there, so that the tokenizer can be saved.
type folder struct {
	dir    string
	memory map[string][]byte // in place of dir
	read   map[string]readFile
}

// A readFile is a file as it was when it was read.
type readFile struct {
	size int64
	time time.Time
}

func newFolder(dir string) *folder { return &folder{dir: dir, read: make(map[string]readFile)} }

// file returns what a file holds; an error that is fs.ErrNotExist if there is none.
func (f *folder) file(name string) ([]byte, error) {
	if f.memory != nil {
		data, ok := f.memory[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return data, nil
	}
	path := filepath.Join(f.dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err == nil {
		f.read[name] = readFile{info.Size(), info.ModTime()}
	}
	return data, err
}

// list returns the files of a folder within it whose names have an ending, without folder and
// ending.
func (f *folder) list(sub, ending string) []string {
	paths := slices.Collect(maps.Keys(f.memory))
	if f.memory == nil {
		entries, _ := os.ReadDir(filepath.Join(f.dir, sub))
		for _, e := range entries {
			paths = append(paths, sub+"/"+e.Name())
		}
	}
	var names []string
	for _, path := range paths {
		name, within := strings.CutPrefix(path, sub+"/")
		if name, ok := strings.CutSuffix(name, ending); within && ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// again returns a file that was read before, and refuses one that is another by now.
func (f *folder) again(name string, before readFile) ([]byte, error) {
	path := filepath.Join(f.dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() != before.size || !info.ModTime().Equal(before.time) {
		return nil, fmt.Errorf("%s has changed since the tokenizer was read from it: load it again", path)
	}
	return os.ReadFile(path)
}

// modelFields are what a tokenizer may read of the model's config.json.
var modelFields = []string{"model_type", "tokenizer_class"}

// Save writes the files that the tokenizer was read from into a folder that exists, so that [Load]
// gives the same tokenizer again. Of config.json only the fields that tell the class of tokenizer
// are written, unless the folder has one of its own. A tokenizer of a GGUF file is written as
// tokenizer_gguf.json, which only this package reads; all others are Hugging Face's files.
func (t *Tokenizer) Save(dir string) error {
	if err := t.check(); err != nil {
		return err
	}
	files, err := t.files()
	if err != nil {
		return fmt.Errorf("saving the tokenizer: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil && name == "config.json" {
			continue
		}
		if err := writeFile(dir, name, files[name]); err != nil {
			return fmt.Errorf("saving the tokenizer: %w", err)
		}
	}
	return nil
}

// writeFile writes a file, whose name may begin with a folder within dir.
func writeFile(dir, name string, data []byte) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("the file name %q leads out of the folder", brief(name))
	}
	path := filepath.Join(dir, name)
	if sub := filepath.Dir(path); sub != filepath.Clean(dir) {
		if err := os.Mkdir(sub, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return os.WriteFile(path, data, 0o644)
}

// Files are what [Tokenizer.Save] writes, by name.
func (t *Tokenizer) Files() (map[string][]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	files, err := t.files()
	return maps.Clone(files), err
}

// FromFiles is the tokenizer of which [Tokenizer.Files] gave the files.
func FromFiles(files map[string][]byte) (*Tokenizer, error) {
	for _, name := range tokenizerFiles {
		if files[name] == nil {
			continue
		}
		t, err := loadFile(&folder{memory: maps.Clone(files)}, name)
		if err != nil {
			return nil, refused(fmt.Errorf("tokenizer %s: %w", name, err))
		}
		return t, nil
	}
	return nil, fmt.Errorf("tokenizer: none of the files %q is there", tokenizerFiles)
}

func (t *Tokenizer) files() (map[string][]byte, error) {
	if t.gguf != nil {
		data, err := t.gguf.saved()
		return map[string][]byte{ggufFile: data}, err
	}
	if t.from == nil {
		return nil, fmt.Errorf("it was not read from files")
	}
	if t.from.memory != nil {
		return t.from.memory, nil
	}
	files := make(map[string][]byte)
	for name, before := range t.from.read {
		data, err := t.from.again(name, before)
		if err != nil {
			return nil, err
		}
		if name == "config.json" {
			if data, err = onlyModelFields(data); err != nil {
				return nil, err
			}
		}
		if data != nil {
			files[name] = data
		}
	}
	return files, nil
}

// onlyModelFields is a config.json with nothing but modelFields; nil if it has none of them.
func onlyModelFields(data []byte) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fault.Mark(briefError(err), ErrUnsupportedFile)
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return !slices.Contains(modelFields, name) })
	if len(all) == 0 {
		return nil, nil
	}
	return json.Marshal(all)
}
