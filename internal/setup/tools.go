package setup

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
)

// tools are the programs that the kernel runs: two that go.mod's tool lines pin, and the one that
// builds cells.
var tools = []string{"gonb", "goimports", "cellbuild"}

func whereTools(s *Setup) (string, error) { return filepath.Join(s.Repo.Bin(), tools[0]), nil }

// toolsDone tells whether the tools were built from this go.sum.
func toolsDone(_ context.Context, s *Setup) (bool, error) {
	want, err := s.toolsSum()
	if err != nil {
		return false, err
	}
	for _, tool := range tools {
		if _, err := os.Stat(filepath.Join(s.Repo.Bin(), tool)); err != nil {
			return false, nil
		}
	}
	return hasStamp(s.toolsStamp(), want), nil
}

func (s *Setup) toolsStamp() string { return filepath.Join(s.Repo.Bin(), "tools.sha256") }

// toolsSum stands for everything that the tools are built from but the
// compiler, which is the one that built this program.
func (s *Setup) toolsSum() (string, error) {
	files := []string{filepath.Join(s.Repo.Root, "go.mod"), filepath.Join(s.Repo.Root, "go.sum")}
	for _, patch := range carried {
		files = append(files, s.Repo.upstream(patch))
	}
	own, err := filepath.Glob(filepath.Join(s.Repo.Root, "internal", "cellbuild", "*.go"))
	if err != nil {
		return "", err
	}
	sum, err := sumOf(append(files, own...)...)
	return sum + " " + runtime.Version(), err
}

// installTools builds the tools into the repository, not into the user's GOBIN, and
// downloads the modules that cells are built from.
func installTools(ctx context.Context, s *Setup) error {
	sum, err := s.toolsSum()
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"go", "install", "tool"},
		// The tag names what cells import and nothing here does: notebooks/cell_imports.go.
		{"go", "list", "-deps", "-tags=cells", "./..."},
	} {
		build := command{dir: s.Repo.Root, env: []string{"GOBIN=" + s.Repo.Bin()}, args: args}
		if _, err := build.run(ctx); err != nil {
			return err
		}
	}
	if err := s.buildPatched(ctx); err != nil {
		return err
	}
	build := command{
		dir:  s.Repo.Root,
		env:  []string{"GOWORK=off", "CGO_ENABLED=0"}, // it begins faster without C
		args: []string{"go", "build", "-ldflags=-s", "-o", s.Repo.cellbuild(), "./internal/cellbuild"},
	}
	if _, err := build.run(ctx); err != nil {
		return err
	}
	return writeStamp(s.toolsStamp(), sum)
}
