package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/codecache"
	"gopherlens/internal/hub"
	"gopherlens/internal/setup"
)

// A stock is what there is of models on this machine.
type stock struct {
	Installed []stored `json:"installed"` // by set-up
	Hub       folder   `json:"hub"`       // Hugging Face's cache
	Processed folder   `json:"processed"`
	Compiled  folder   `json:"compiled"`
	Once      folder   `json:"once"`
}

// A stored is one thing on disk.
type stored struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	Missing bool   `json:"missing,omitempty"`
}

// A folder holds some of them.
type folder struct {
	Folder  string   `json:"folder"`
	Bytes   int64    `json:"bytes"`
	Entries int      `json:"entries"`
	Names   []stored `json:"names,omitempty"` // where they mean something
	Off     string   `json:"off,omitempty"`   // why nothing is kept
}

// takeStock looks everywhere.
func takeStock() (have stock, err error) {
	for _, look := range []func(*stock) error{lookInstalled, lookHub, lookProcessed, lookCompiled, lookOnce} {
		if err := look(&have); err != nil {
			return have, err
		}
	}
	return have, nil
}

// lookInstalled finds the model that set-up installs.
func lookInstalled(have *stock) error {
	path, err := setup.DefaultModel.Path()
	if err != nil {
		return err
	}
	present, err := setup.DefaultModel.Present()
	have.Installed = []stored{{Name: setup.DefaultModel.Name, Path: path, Bytes: setup.DefaultModel.Size, Missing: !present}}
	return err
}

// lookHub finds the repositories in Hugging Face's cache.
func lookHub(have *stock) (err error) {
	have.Hub, err = lookInto(hub.CacheDir(), "models--*", func(name string) string {
		return strings.ReplaceAll(strings.TrimPrefix(name, "models--"), "--", "/")
	})
	return err
}

func lookProcessed(have *stock) error {
	dir, err := cachedir.Join("processed")
	if err == nil {
		have.Processed, err = lookInto(dir, "*", func(name string) string { return name })
	}
	return err
}

func lookCompiled(have *stock) error {
	st, err := codecache.Look()
	if err != nil {
		have.Compiled.Off = err.Error()
		return nil // every process compiles its own
	}
	have.Compiled = folder{Folder: st.Folder, Bytes: st.Bytes, Entries: st.Entries}
	return nil
}

// lookOnce counts what notebooks keep with hooked.Once.
func lookOnce(have *stock) error {
	dir, err := cachedir.Join("once")
	if err != nil {
		return err
	}
	have.Once, err = lookInto(dir, "*.safetensors", nil)
	return err
}

// lookInto finds the entries of dir that match pattern, by name if name is not nil.
func lookInto(dir, pattern string, name func(string) string) (folder, error) {
	found := folder{Folder: dir}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return found, err
	}
	for _, entry := range entries {
		// its one error is a bad pattern
		if match, _ := filepath.Match(pattern, entry.Name()); !match {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		bytes, err := sizeOf(path)
		if err != nil {
			return found, err
		}
		found.Entries++
		found.Bytes += bytes
		if name != nil {
			found.Names = append(found.Names, stored{Name: name(entry.Name()), Path: path, Bytes: bytes})
		}
	}
	return found, nil
}

// print writes it for a reader.
func (have stock) print(w io.Writer) {
	fmt.Fprintln(w, "Installed by set-up:")
	for _, m := range have.Installed {
		if m.Missing {
			fmt.Fprintf(w, "  %-40s missing; run: make setup\n", m.Name)
			continue
		}
		fmt.Fprintf(w, "  %-40s %9s  %s\n", m.Name, size(m.Bytes), m.Path)
	}
	have.Hub.print(w, "In Hugging Face's cache %s:", "")
	have.Processed.print(w, "Processed weights in %s (gopherlens models prune removes them):", "")
	if have.Compiled.Off != "" {
		fmt.Fprintln(w, "Compiled programs: none are kept:", have.Compiled.Off)
	} else {
		have.Compiled.print(w, "Compiled programs in %s (gopherlens models prune removes them):", "programs")
	}
	have.Once.print(w, "What notebooks keep with hooked.Once in %s (hooked.Forget lets go of one; remove the folder for all):", "values")
}

// print writes one folder: its entries, or how many there are.
func (f folder) print(w io.Writer, title, count string) {
	fmt.Fprintf(w, title+"\n", f.Folder)
	switch {
	case f.Entries == 0:
		fmt.Fprintln(w, "  none")
	case count != "":
		fmt.Fprintf(w, "  %-40s %9s\n", fmt.Sprintf("%d %s", f.Entries, count), size(f.Bytes))
	}
	for _, entry := range f.Names {
		fmt.Fprintf(w, "  %-40s %9s\n", entry.Name, size(entry.Bytes))
	}
}

// sizeOf sums the sizes of the regular files at and below path. A link counts
// nothing, so that the hub's snapshots, which link to its blobs, count once.
func sizeOf(path string) (total int64, err error) {
	err = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// size writes a number of bytes for a reader.
func size(bytes int64) string {
	if bytes >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
