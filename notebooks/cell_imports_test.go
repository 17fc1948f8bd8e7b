package notebooks_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"gopherlens/internal/setup"
)

// A cell that imports what cell_imports.go lists is built without a network: in a module of its
// own, in a workspace with this one, as GoNB builds it.
func TestCellImportsOffline(t *testing.T) {
	repo, err := setup.FindRepo()
	if err != nil {
		t.Fatal(err)
	}
	imports, err := os.ReadFile("cell_imports.go")
	if err != nil {
		t.Fatal(err)
	}
	cell := bytes.Replace(imports, []byte("//go:build cells"), nil, 1)
	cell = bytes.Replace(cell, []byte("package notebooks"), []byte("package main"), 1)
	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.go": string(cell) + "\nfunc main() {}\n",
		"go.mod":  "module cell\n\ngo 1.26.5\n",
		"go.work": fmt.Sprintf("go 1.26.5\n\nuse (\n\t.\n\t%q\n)\n", repo.Root),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	deps := exec.Command("go", "list", "-deps", ".")
	deps.Dir = dir
	deps.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=")
	if output, err := deps.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
