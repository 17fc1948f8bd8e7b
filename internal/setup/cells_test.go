package setup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/internal/cachedir"
)

// Set-up compiles what cells use as the kernel will: with its tag, and not again.
func TestCompileCells(t *testing.T) {
	g, err := findGo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(cachedir.Variable, t.TempDir())
	s := &Setup{Repo: Repo{Root: t.TempDir()}}
	cell := filepath.Join(s.Repo.Root, "plots", "cell.go")
	for path, text := range map[string]string{
		filepath.Join(s.Repo.Root, "go.mod"):            "module gopherlens\n\ngo 1.26.5\n",
		filepath.Join(s.Repo.Root, "go.sum"):            "",
		s.Repo.upstream(carried[0]):                     "",
		filepath.Join(s.Repo.Root, "hooked", "main.go"): "package hooked\n",
		cell: "//go:build gopherlens_cell\n\npackage plots\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	buildCellbuild(t, s)
	if err := s.writeShims(g); err != nil {
		t.Fatal(err)
	}
	if done, err := cellsDone(t.Context(), s); done || err != nil {
		t.Fatalf("before: %v, %v", done, err)
	}
	if err := compileCells(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if done, err := cellsDone(t.Context(), s); !done || err != nil {
		t.Errorf("after: %v, %v", done, err)
	}
	if err := os.WriteFile(cell, []byte("//go:build gopherlens_cell\n\npackage plots\n\nvar x int = \"\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := compileCells(t.Context(), s); err == nil || !strings.Contains(err.Error(), "cannot use") {
		t.Errorf("a package that is wrong: %v", err)
	}
}
