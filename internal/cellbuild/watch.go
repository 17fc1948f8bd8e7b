package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A watched is what a build depends on and can change. Modules in Go's cache cannot, and Go's own
// packages do with its version.
type watched struct {
	Files   []string // that need not exist
	Folders []string // of packages, with what lies in them
}

// A listedPackage is what go list says of a package.
type listedPackage struct {
	ImportPath, Dir string
	Standard        bool
	EmbedFiles      []string
	Module          *module
}

type module struct {
	GoMod, Version string
	Replace        *module
}

// inCache tells whether the package's files are in Go's cache of modules.
func (p listedPackage) inCache() bool {
	m := p.Module
	if m != nil && m.Replace != nil {
		m = m.Replace
	}
	return m != nil && m.Version != ""
}

// list asks the go command what the cell's program consists of.
func (c *cell) list() (*record, error) {
	r := &record{}
	packages, err := c.ask(append([]string{"list", "-deps", "-json=ImportPath,Dir,Standard,EmbedFiles,Module"}, c.args[3:]...)...)
	if err != nil {
		return nil, err
	}
	for decoder := json.NewDecoder(strings.NewReader(packages)); ; {
		var p listedPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		switch {
		case p.Standard:
			r.Std = append(r.Std, p.ImportPath)
		case !p.inCache():
			r.Watched.add(p)
		}
	}
	modules, err := c.ask("list", "-m", "-f", "{{.GoMod}}")
	if err != nil {
		return nil, err
	}
	settings, err := c.ask("env", "GOWORK", "GOENV")
	if err != nil {
		return nil, err
	}
	for _, file := range strings.Split(strings.TrimSpace(modules+settings), "\n") {
		r.Watched.Files = append(r.Watched.Files, file, sumsOf(file))
	}
	r.Watched.Files = append(r.Watched.Files, c.tools()...)
	return r, r.Watched.finish()
}

// ask returns what the go command prints.
func (c *cell) ask(args ...string) (string, error) {
	output, err := exec.Command(c.goCommand, args...).Output()
	return string(output), err
}

// tools are Go's own files.
func (c *cell) tools() []string {
	files := []string{c.goCommand, filepath.Join(c.goRoot, "VERSION"), filepath.Join(c.goRoot, "go.env")}
	for _, name := range []string{"compile", "link"} {
		found, _ := filepath.Glob(filepath.Join(c.goRoot, "pkg", "tool", "*", name))
		files = append(files, found...)
	}
	return files
}

// sumsOf is the file of checksums that belongs to a go.mod or a go.work.
func sumsOf(file string) string {
	return strings.TrimSuffix(strings.TrimSuffix(file, ".mod"), ".work") + map[string]string{".mod": ".sum", ".work": ".work.sum"}[filepath.Ext(file)]
}

// add notes a package's files.
func (w *watched) add(p listedPackage) {
	w.Folders = append(w.Folders, p.Dir)
	for _, file := range p.EmbedFiles {
		w.Folders = append(w.Folders, filepath.Dir(filepath.Join(p.Dir, file)))
	}
	if p.Module != nil {
		w.Files = append(w.Files, p.Module.GoMod, sumsOf(p.Module.GoMod))
	}
}

// finish puts what is watched in order. The cell's own folder is not among it, as each cell changes
// that, and newCell looks at it; but a go.work that turns up there or above is.
func (w *watched) finish() error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	w.Folders = slices.DeleteFunc(w.Folders, func(dir string) bool { return dir == here })
	for dir := here; ; dir = filepath.Dir(dir) {
		w.Files = append(w.Files, filepath.Join(dir, "go.work"))
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, list := range []*[]string{&w.Files, &w.Folders} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return nil
}

// stamp stands for the state of everything that is watched; newest is when something of it changed
// last.
func (w watched) stamp() (sum string, newest time.Time, err error) {
	s := stamper{sum: fnv.New128a()}
	for _, file := range w.Files {
		s.file(file)
	}
	for _, dir := range w.Folders {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return "", newest, err
		}
		for _, entry := range entries {
			if entry.IsDir() {
				fmt.Fprintln(s.sum, dir, entry.Name())
			} else {
				s.file(filepath.Join(dir, entry.Name()))
			}
		}
	}
	return fmt.Sprintf("%x", s.sum.Sum(nil)), s.newest, nil
}

type stamper struct {
	sum    hash.Hash
	newest time.Time
}

// file notes a file, or that there is none. Its content cannot change without the time that the
// system keeps of it, which unlike the other nobody can set.
func (s *stamper) file(path string) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		fmt.Fprintln(s.sum, path, err)
		return
	}
	fmt.Fprintln(s.sum, path, st.Dev, st.Ino, st.Mode, st.Size, st.Mtim, st.Ctim)
	if changed := time.Unix(st.Ctim.Unix()); changed.After(s.newest) {
		s.newest = changed
	}
}
