package setup

import (
	"bytes"
	"context"
	"encoding/json"
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

// A kernelPlace is where the kernel is installed, and what it is called there.
type kernelPlace struct {
	file    string // kernel.json
	display string // in Jupyter's list
}

// displayName is the kernel's in the private environment, and so in notebooks that are saved there.
const displayName = "Go (gonb)"

// kernelPlaces returns where the kernel is installed: for this user, so that any
// Jupyter finds it, and in the private environment, whose Jupyter looks there
// first.
func (s *Setup) kernelPlaces() ([]kernelPlace, error) {
	own := kernelPlace{filepath.Join(s.Repo.venv(), "share", "jupyter", "kernels", KernelName, "kernel.json"), displayName}
	user, err := s.userPlace()
	return []kernelPlace{own, user}, err
}

// userPlace is the user's folder of kernels. The first checkout has GoNB's name there; another one
// beside it gets a name of its own, which says where it is.
func (s *Setup) userPlace() (kernelPlace, error) {
	first, err := kernelFile(KernelName)
	if err != nil {
		return kernelPlace{}, err
	}
	if root := checkoutOf(first); root == "" || root == s.Repo.Root || !isRepo(root) {
		return kernelPlace{first, displayName}, nil
	}
	file, err := kernelFile(KernelName + "-" + s.Repo.shortName())
	return kernelPlace{file, "Go (gonb, " + s.Repo.Root + ")"}, err
}

// checkoutOf returns the checkout that a kernel.json of ours belongs to, or "".
func checkoutOf(file string) string {
	content, err := os.ReadFile(file)
	if err != nil || !isOurs(content) {
		return ""
	}
	var spec KernelSpec
	if json.Unmarshal(content, &spec) != nil {
		return ""
	}
	for _, arg := range spec.Argv {
		if root, ok := strings.CutPrefix(arg, workArgument); ok {
			return root
		}
	}
	return ""
}

// kernelFile returns the path of the user's kernel.json of a name. The folder is
// where Jupyter itself looks, $JUPYTER_DATA_DIR or the system's place for data.
func kernelFile(name string) (string, error) {
	data := os.Getenv("JUPYTER_DATA_DIR")
	if data == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no Jupyter folder for this user; set JUPYTER_DATA_DIR: %w", err)
		}
		data = jupyterData(home)
	}
	return filepath.Join(data, "kernels", name, "kernel.json"), nil
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

func whereKernel(s *Setup) (string, error) {
	place, err := s.userPlace()
	return place.file, err
}

// kernelDone tells whether the kernel in each place is the one that would be
// installed, to the byte: another checkout may have put its own there.
func kernelDone(ctx context.Context, s *Setup) (bool, error) {
	places, err := s.kernelPlaces()
	if err != nil {
		return false, err
	}
	g, err := findGo(ctx)
	if err != nil || !s.hasShims(g) {
		return false, err
	}
	want, err := s.kernelFiles(ctx, g)
	if err != nil {
		return false, ignoreMissing(err) // no gonb, no kernel
	}
	for _, place := range places {
		spec, err := want.named(place.display)
		if err != nil {
			return false, err
		}
		have, err := os.ReadFile(place.file)
		if err != nil || !bytes.Equal(have, spec) {
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
	if err := s.writeShims(g); err != nil {
		return err
	}
	places, err := s.kernelPlaces()
	if err != nil {
		return err
	}
	for _, place := range places {
		if err := files.install(place); err != nil {
			return err
		}
	}
	return s.removeSecond(places[1])
}

// removeSecond takes away the kernel that this checkout had beside an earlier one, whose place it
// has now.
func (s *Setup) removeSecond(user kernelPlace) error {
	second, err := kernelFile(KernelName + "-" + s.Repo.shortName())
	if err != nil || second == user.file {
		return err
	}
	return os.RemoveAll(filepath.Dir(second))
}

// A kernelFiles is what GoNB's installation of a kernel consists of.
type kernelFiles struct {
	spec KernelSpec // kernel.json
	logo []byte     // logo-svg.svg
}

// logoFile is the logo's name, which Jupyter knows.
const logoFile = "logo-svg.svg"

// named returns kernel.json with a name for Jupyter's list.
func (k kernelFiles) named(display string) ([]byte, error) {
	spec := k.spec
	spec.DisplayName = display
	content, err := json.MarshalIndent(spec, "", "  ")
	return append(content, '\n'), err
}

// install writes kernel.json and the logo beside it. A kernel that someone else installed there is
// kept.
func (k kernelFiles) install(place kernelPlace) error {
	if err := os.MkdirAll(filepath.Dir(place.file), 0o755); err != nil {
		return err
	}
	if err := keepForeign(place.file); err != nil {
		return err
	}
	if err := wholefile.WriteBytes(filepath.Join(filepath.Dir(place.file), logoFile), 0o644, k.logo); err != nil {
		return err
	}
	spec, err := k.named(place.display)
	if err != nil {
		return err
	}
	return wholefile.WriteBytes(place.file, 0o644, spec)
}

// keepForeign renames a kernel.json that no checkout of this repository wrote.
func keepForeign(file string) error {
	have, err := os.ReadFile(file)
	if err != nil || isOurs(have) {
		return nil
	}
	return os.Rename(file, file+".before-gopherlens")
}

// isOurs tells whether some checkout wrote a kernel.json: the cache's variable stands in each.
func isOurs(spec []byte) bool { return bytes.Contains(spec, []byte(`"`+cachedir.Variable+`"`)) }
