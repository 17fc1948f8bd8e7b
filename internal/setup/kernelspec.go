package setup

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"gopherlens/internal/backend"
	"gopherlens/internal/cachedir"
)

// A KernelSpec is a Jupyter kernel's kernel.json.
type KernelSpec struct {
	Argv          []string          `json:"argv"`
	DisplayName   string            `json:"display_name"`
	Language      string            `json:"language"`
	InterruptMode string            `json:"interrupt_mode"`
	Env           map[string]string `json:"env"`
}

// workArgument is GoNB's flag for the checkout whose modules cells find.
const workArgument = "-go_work="

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
	spec, err := os.ReadFile(filepath.Join(dir, "kernel.json"))
	if err != nil {
		return files, err
	}
	if err := json.Unmarshal(spec, &files.spec); err != nil {
		return files, fmt.Errorf("kernel.json as GoNB wrote it: %w", err)
	}
	files.spec.Env, err = s.kernelEnv(g)
	return files, err
}

// gonbInstall runs gonb --install with dir as Jupyter's data folder. The program
// is called by its bare name: given a path below /tmp it would copy itself.
func (s *Setup) gonbInstall(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.Repo.Bin(), "gonb"))
	cmd.Args = []string{"gonb", "-install", "-force_deps", workArgument + s.Repo.Root}
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
	env := map[string]string{
		"PATH":                  strings.Join(path, ":"),
		"GOEXPERIMENT":          "simd", // the pure Go backend's matrix product is ten times faster
		"GODEBUG":               backend.AddDebug(os.Getenv("GODEBUG")),
		"GOFLAGS":               kernelGoFlags(g.Flags),
		"GOWORK":                "auto", // the kernel makes a go.work of its own
		"GOMLX_NO_AUTO_INSTALL": "1",    // never download in the middle of a cell
		cachedir.Variable:       cache,
	}
	if !s.XLA {
		env[compute.ConfigEnvVar] = "go" // though a plugin may lie somewhere
	}
	return env, nil
}

// kernelGoFlags adds to the user's GOFLAGS what makes cells link faster: no
// tables for debuggers. It leaves out -mod, which a workspace refuses.
func kernelGoFlags(user string) string {
	flags := slices.DeleteFunc(strings.Fields(user), func(flag string) bool {
		return strings.HasPrefix(flag, "-mod=") || strings.HasPrefix(flag, "-ldflags=")
	})
	return strings.Join(append(flags, "-ldflags=-s"), " ")
}
