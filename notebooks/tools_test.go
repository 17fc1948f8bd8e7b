package notebooks_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/setup"
)

// The calls of ARENA's exercises hold what testdata/tools.ipynb says. Its cells are built as one
// program that computes in pure Go: in a kernel, a build and XLA's programs for each cell take
// minutes (gopherlens run notebooks/testdata/tools.ipynb).
func TestTools(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	asProgram(t, "testdata/tools.ipynb")
}

// TestTraining holds that a training goes on when its cell has ended, and what later cells do with
// it: testdata/training.ipynb, whose cells are built as one program, too. The process that trains
// is that program once more, up to its first call of train.Start.
func TestTraining(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	asProgram(t, "testdata/training.ipynb")
}

// asProgram runs a notebook's cells as one program, in pure Go. Each prints ok.
func asProgram(t *testing.T, path string) {
	t.Helper()
	repo, err := setup.FindRepo()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source, cells := program(t, path)
	for name, content := range map[string]string{
		"main.go": source,
		"go.mod":  "module cells\n\ngo 1.26.5\n",
		"go.work": fmt.Sprintf("go 1.26.5\n\nuse (\n\t.\n\t%q\n)\n", repo.Root),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), "go", "run", "-ldflags=-w", ".")
	run.Dir = dir
	run.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=", "GOMLX_BACKEND=go", "GOPHERLENS_RESIDENT=off", "TMPDIR="+dir, cachedir.Variable+"="+dir)
	output, err := run.CombinedOutput()
	if got := strings.Count(string(output), "\nok") + 1; err != nil || got != cells {
		t.Fatalf("%d of %d cells ended well: %v\n%s", got, cells, err, output)
	}
}

// program makes one program of a notebook's code cells, and counts them: what stands below %% is a
// block of its own in main. The imports are the first cell's.
func program(t *testing.T, path string) (source string, cells int) {
	var declarations, main strings.Builder
	for _, cell := range sources(t, path) {
		declared, code, _ := strings.Cut("\n"+cell, "\n%%\n")
		declarations.WriteString(declared + "\n")
		fmt.Fprintf(&main, "\tfunc() {\n%s\n\t}()\n", code)
		cells++
	}
	return fmt.Sprintf("package main\n%s\nfunc main() {\n%s}\n", &declarations, &main), cells
}

// sources are the code cells of a notebook.
func sources(t *testing.T, path string) (out []string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var notebook struct {
		Cells []struct {
			Type   string   `json:"cell_type"`
			Source []string `json:"source"`
		}
	}
	if err := json.Unmarshal(data, &notebook); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, c := range notebook.Cells {
		if c.Type == "code" {
			out = append(out, strings.Join(c.Source, ""))
		}
	}
	return out
}
