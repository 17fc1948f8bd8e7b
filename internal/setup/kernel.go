package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"gopherlens/internal/cachedir"
)

// KernelName is GoNB's name for its kernel, which notebooks carry in their
// metadata; whoever has GoNB from elsewhere can open ours, and the reverse.
const KernelName = "gonb"

// A KernelSpec is a Jupyter kernel's kernel.json.
type KernelSpec struct {
	Argv          []string          `json:"argv"`
	DisplayName   string            `json:"display_name"`
	Language      string            `json:"language"`
	InterruptMode string            `json:"interrupt_mode"`
	Env           map[string]string `json:"env"`
}

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
	if err := replaceFile(filepath.Join(filepath.Dir(file), logoFile), k.logo, 0o644); err != nil {
		return err
	}
	return replaceFile(file, k.spec, 0o644)
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

// kernelFiles lets GoNB install its kernel into a folder of ours and adds the
// environment, for which gonb -install has no flag.
func (s *Setup) kernelFiles(ctx context.Context, g goCommand) (kernelFiles, error) {
	var files kernelFiles
	data, err := os.MkdirTemp("", "gopherlens-kernel-")
	if err != nil {
		return files, err
	}
	defer os.RemoveAll(data)
	if err := s.gonbInstall(ctx, data); err != nil {
		return files, err
	}
	dir := filepath.Join(data, "kernels", KernelName)
	if files.logo, err = os.ReadFile(filepath.Join(dir, logoFile)); err != nil {
		return files, err
	}
	if files.spec, err = os.ReadFile(filepath.Join(dir, "kernel.json")); err != nil {
		return files, err
	}
	files.spec, err = s.withEnv(files.spec, g)
	return files, err
}

// withEnv adds the environment to a kernel.json.
func (s *Setup) withEnv(content []byte, g goCommand) ([]byte, error) {
	var spec KernelSpec
	err := json.Unmarshal(content, &spec)
	if err != nil {
		return nil, fmt.Errorf("kernel.json as GoNB wrote it: %w", err)
	}
	if spec.Env, err = s.kernelEnv(g); err != nil {
		return nil, err
	}
	content, err = json.MarshalIndent(spec, "", "  ")
	return append(content, '\n'), err
}

// gonbInstall runs gonb --install with dir as Jupyter's data folder. The program
// is called by its bare name: given a path below /tmp it would copy itself.
func (s *Setup) gonbInstall(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.Repo.Bin(), "gonb"))
	cmd.Args = []string{"gonb", "-install", "-force_deps", "-go_work=" + s.Repo.Root}
	cmd.Env = append(os.Environ(), "JUPYTER_DATA_DIR="+dir)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("gonb -install: %w\n%s", err, tail(string(output)))
	}
	return nil
}

// kernelEnv is what a notebook needs so that it works with no set-up cell.
func (s *Setup) kernelEnv(g goCommand) (map[string]string, error) {
	cache, err := cachedir.Root()
	if err != nil {
		return nil, err
	}
	path := []string{s.Repo.shims(), s.Repo.Bin(), "${PATH}", g.bin()}
	return map[string]string{
		"PATH":                  strings.Join(path, ":"),
		"GOEXPERIMENT":          "simd", // the pure Go backend's matrix product is ten times faster
		"GOFLAGS":               kernelGoFlags(g.Flags),
		"GOWORK":                "auto", // the kernel makes a go.work of its own
		"GOMLX_NO_AUTO_INSTALL": "1",    // never download in the middle of a cell
		cachedir.Variable:       cache,
	}, nil
}

// kernelGoFlags adds to the user's GOFLAGS what makes cells link faster: no
// DWARF tables. It leaves out -mod, which a workspace refuses.
func kernelGoFlags(user string) string {
	flags := slices.DeleteFunc(strings.Fields(user), func(flag string) bool {
		return strings.HasPrefix(flag, "-mod=") || strings.HasPrefix(flag, "-ldflags=")
	})
	return strings.Join(append(flags, "-ldflags=-w"), " ")
}
