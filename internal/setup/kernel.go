package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/wholefile"
)

// KernelName is GoNB's name for its kernel, which notebooks carry in their
// metadata; whoever has GoNB from elsewhere can open ours, and the reverse.
const KernelName = "gonb"

// kernelPlaces returns where the kernel is installed: for this user, so that any
// Jupyter finds it, and in the private environment, whose Jupyter looks there
// first. The second keeps two checkouts of one user apart.
func (s *Setup) kernelPlaces() ([]string, error) {
	user, err := KernelFile()
	own := filepath.Join(s.Repo.venv(), "share", "jupyter", "kernels", KernelName, "kernel.json")
	return []string{own, user}, err
}

// KernelFile returns the path of the user's kernel.json for GoNB. The folder is
// where Jupyter itself looks, $JUPYTER_DATA_DIR or the system's place for data.
func KernelFile() (string, error) {
	data := os.Getenv("JUPYTER_DATA_DIR")
	if data == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no Jupyter folder for this user; set JUPYTER_DATA_DIR: %w", err)
		}
		data = jupyterData(home)
	}
	return filepath.Join(data, "kernels", KernelName, "kernel.json"), nil
}

// jupyterData is Jupyter's data folder where nothing else is said.
func jupyterData(home string) string {
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Jupyter")
	}
	if xdg := os.Getenv("XDG_DATA_HOME"); xdg != "" {
		return filepath.Join(xdg, "jupyter")
	}
	return filepath.Join(home, ".local", "share", "jupyter")
}

func whereKernel(*Setup) (string, error) { return KernelFile() }

// kernelDone tells whether the kernel in each place is the one that would be
// installed, to the byte: another checkout may have put its own there.
func kernelDone(ctx context.Context, s *Setup) (bool, error) {
	places, err := s.kernelPlaces()
	if err != nil {
		return false, err
	}
	g, err := findGo(ctx)
	if err != nil || !s.hasGoShim(g) {
		return false, err
	}
	want, err := s.kernelFiles(ctx, g)
	if err != nil {
		return false, ignoreMissing(err) // no gonb, no kernel
	}
	for _, place := range places {
		have, err := os.ReadFile(place)
		if err != nil || !bytes.Equal(have, want.spec) {
			return false, ignoreMissing(err)
		}
	}
	return true, nil
}

// ignoreMissing returns err unless it says that a file does not exist.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// installKernel writes the kernel's specification.
func installKernel(ctx context.Context, s *Setup) error {
	g, err := findGo(ctx)
	if err != nil {
		return err
	}
	files, err := s.kernelFiles(ctx, g)
	if err != nil {
		return err
	}
	if err := s.writeGoShim(g); err != nil {
		return err
	}
	places, err := s.kernelPlaces()
	if err != nil {
		return err
	}
	for _, place := range places {
		if err := files.place(place); err != nil {
			return err
		}
	}
	return nil
}

// A kernelFiles is what GoNB's installation of a kernel consists of.
type kernelFiles struct {
	spec []byte // kernel.json
	logo []byte // logo-svg.svg
}

// logoFile is the logo's name, which Jupyter knows.
const logoFile = "logo-svg.svg"

// place writes kernel.json at file and the logo beside it. A kernel that someone
// else installed there is kept.
func (k kernelFiles) place(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := keepForeign(file); err != nil {
		return err
	}
	if err := wholefile.WriteBytes(filepath.Join(filepath.Dir(file), logoFile), 0o644, k.logo); err != nil {
		return err
	}
	return wholefile.WriteBytes(file, 0o644, k.spec)
}

// keepForeign renames a kernel.json that no checkout of this repository wrote.
func keepForeign(file string) error {
	have, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(have), cacheVariable) {
		return nil
	}
	return os.Rename(file, file+".before-gopherlens")
}

// cacheVariable stands in every kernel.json of ours.
const cacheVariable = `"` + cachedir.Variable + `"`
