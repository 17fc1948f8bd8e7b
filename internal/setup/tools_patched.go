package setup

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// carried are the patches of GoNB, from docs/upstream, that its program here is built with: of
// faults that a reader meets daily. The others wait there for upstream.
var carried = []string{"gonb-forgotten-percent.patch"}

const gonbModule = "github.com/janpfeifer/gonb"

// buildPatched builds GoNB with the patches that are carried, of the version and with the modules
// that go.mod names.
func (s *Setup) buildPatched(ctx context.Context) error {
	work, err := os.MkdirTemp(s.Repo.Bin(), "gonb-source-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	source := filepath.Join(work, "gonb")
	if err := s.copyPatched(ctx, source, carried); err != nil {
		return err
	}
	// Beside the copy lies a go.mod like this repository's that takes GoNB from there.
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(s.Repo.Root, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			return err
		}
	}
	mod := filepath.Join(work, "go.mod")
	for _, args := range [][]string{
		{"go", "mod", "edit", "-replace=" + gonbModule + "=" + source, mod},
		{"go", "build", "-modfile=" + mod, "-o", filepath.Join(s.Repo.Bin(), tools[0]), gonbModule},
	} {
		if _, err := (command{dir: s.Repo.Root, env: []string{"GOWORK=off"}, args: args}).run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// copyPatched copies GoNB's source to a folder and applies patches to it.
func (s *Setup) copyPatched(ctx context.Context, folder string, patches []string) error {
	where, err := command{dir: s.Repo.Root, env: []string{"GOWORK=off"}, args: []string{"go", "list", "-m", "-f", "{{.Dir}}", gonbModule}}.run(ctx)
	if err != nil {
		return err
	}
	if err := os.CopyFS(folder, os.DirFS(strings.TrimSpace(where))); err != nil {
		return err
	}
	for _, patch := range patches {
		apply := command{
			dir:  folder,
			env:  []string{"GIT_CEILING_DIRECTORIES=" + filepath.Dir(folder)}, // it lies in a checkout, and is none
			args: []string{"git", "apply", s.Repo.upstream(patch)},
		}
		if _, err := apply.run(ctx); err != nil {
			return err
		}
	}
	return nil
}
