package notebooks_test

import (
	"strings"
	"testing"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/notebook"
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
	f := readNotebook(t, path)
	source, err := notebook.Program{}.Source(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	output, err := start(t, build(t, repo, dir, source), dir,
		"GOMLX_BACKEND=go", "GOPHERLENS_RESIDENT=off", "TMPDIR="+dir, cachedir.Variable+"="+dir)
	cells := 0
	for _, c := range f.Cells {
		if c.IsCode() {
			cells++
		}
	}
	if got := strings.Count(output, "\nok") + 1; err != nil || got != cells {
		t.Fatalf("%d of %d cells ended well: %v\n%s", got, cells, err, output)
	}
}
