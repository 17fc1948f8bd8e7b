package notebook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gopherlens/internal/notebook"
	"gopherlens/internal/progress"
	"gopherlens/internal/setup"
)

// python returns the interpreter that make setup installs. Under make test its
// absence is a failure.
func python(t *testing.T) string {
	repo, err := setup.FindRepo()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(repo.Python()); err == nil {
		return repo.Python()
	}
	if os.Getenv("GOPHERLENS_SETUP") != "" {
		t.Fatalf("%s is missing after set-up", repo.Python())
	}
	t.Skip("needs JupyterLab and the Go kernel: make setup")
	return ""
}

// write makes a notebook of code cells for the Go kernel.
func write(t *testing.T, kernel string, sources ...string) string {
	type cell = map[string]any
	cells := []cell{}
	for _, source := range sources {
		cells = append(cells, cell{"cell_type": "code", "metadata": cell{}, "outputs": []any{}, "execution_count": nil, "source": source})
	}
	content, err := json.Marshal(cell{
		"cells": cells, "nbformat": 4, "nbformat_minor": 4,
		"metadata": cell{"kernelspec": cell{"name": kernel, "display_name": "", "language": "go"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "test.ipynb")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// An executed notebook, as far as these tests read it.
type executed struct {
	Cells []struct {
		Type     string   `json:"cell_type"`
		Count    *int     `json:"execution_count"`
		Source   []string `json:"source"`
		Metadata struct {
			Tags []string `json:"tags"`
		} `json:"metadata"`
		Outputs []struct {
			Type string   `json:"output_type"`
			Text []string `json:"text"`
		} `json:"outputs"`
	} `json:"cells"`
}

func read(t *testing.T, path string) executed {
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var e executed
	if err := json.Unmarshal(content, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// The notebook imports a module of this repository's and one declaration of an
// earlier cell, with no cell that sets anything up.
func TestRun(t *testing.T) {
	options := notebook.Options{Python: python(t), Output: filepath.Join(t.TempDir(), "out", "hello.ipynb")}
	var out strings.Builder
	err := notebook.Run(t.Context(), "../../notebooks/testdata/hello.ipynb", progress.New(&out), options)
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"[1/2] Declarations stay from cell to cell\n", "\n    the sum is 6.5\n", "2 cells ran in "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed %q, which lacks %q", &out, want)
		}
	}
	cells := read(t, options.Output).Cells
	last := cells[len(cells)-1]
	if last.Count == nil || len(last.Outputs) != 1 || strings.Join(last.Outputs[0].Text, "") != "the sum is 6.5\n" {
		t.Errorf("the executed notebook's last cell is %+v, want the sum as its output", last)
	}
}

// A figure that changes in its place is told when it appears and as it is left, not at every
// change.
func TestRunLiveFigure(t *testing.T) {
	path := write(t, setup.KernelName, "import \"gopherlens/plots\"\n\n%%\nlive := plots.NewLive()\nfor i := range 9 {\n"+
		"_ = live.Show(plots.Line([]float32{1, 2}, plots.Axes{Title: fmt.Sprint(\"figure \", i)}))\n}\nfmt.Println(\"the end\")")
	var out strings.Builder
	if err := notebook.Run(t.Context(), path, progress.New(&out), notebook.Options{Python: python(t)}); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	var told []string
	for line := range strings.Lines(out.String()) {
		if what, _, ok := strings.Cut(strings.TrimSpace(line), "."); ok && strings.HasPrefix(what, "figure ") || what == "the end" {
			told = append(told, what)
		}
	}
	if want := []string{"figure 0", "figure 8", "the end"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q\n%s", told, want, &out)
	}
}

func TestRunFailingCell(t *testing.T) {
	tests := []struct {
		name, source, want string
	}{
		{"does not compile", "%%\nunused := 3", "declared and not used: unused"},
		{"forgets what runs it", "fmt.Println(3)", "What is to be run stands below a line with %% alone"},
		{"panics", "%%\nvar none []int\nfmt.Println(none[7])", "index out of range [7] with length 0"},
		{"exits", "%%\nfmt.Println(\"bye\")\nos.Exit(3)", "exit status 3"},
	}
	options := notebook.Options{Python: python(t)}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, setup.KernelName, test.source, "%%\nfmt.Println(\"too far\")")
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			options.Output = path
			var out strings.Builder
			err = notebook.Run(t.Context(), path, progress.New(&out), options)
			if !errors.Is(err, notebook.ErrCell) {
				t.Fatalf("error %v, want one that wraps %v", err, notebook.ErrCell)
			}
			if !strings.Contains(out.String(), test.want) {
				t.Errorf("printed %q, which lacks %q", &out, test.want)
			}
			if strings.Contains(out.String(), "too far\n") {
				t.Error("the cell after the failed one was run")
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the notebook was replaced although a cell failed (%v)", err)
			}
		})
	}
}

// A failed run leaves what there is at another path, to be looked at.
func TestRunFailingCellKeepsOutput(t *testing.T) {
	options := notebook.Options{Python: python(t), Output: filepath.Join(t.TempDir(), "out.ipynb")}
	path := write(t, setup.KernelName, "%%\nos.Exit(3)")
	if err := notebook.Run(t.Context(), path, progress.New(new(strings.Builder)), options); !errors.Is(err, notebook.ErrCell) {
		t.Fatalf("error %v, want one that wraps %v", err, notebook.ErrCell)
	}
	outputs := read(t, options.Output).Cells[0].Outputs
	if len(outputs) == 0 || outputs[len(outputs)-1].Type != "error" {
		t.Errorf("outputs = %+v, want an error", outputs)
	}
}

// An output that may be read while something writes it.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// A run that is stopped ends the kernel and the process of the running cell.
func TestRunStopped(t *testing.T) {
	options := notebook.Options{Python: python(t)}
	path := write(t, setup.KernelName, "%%\nfmt.Printf(\"cell %d kernel %d.\\n\", os.Getpid(), os.Getppid())\ntime.Sleep(time.Hour)")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out output
	ended := make(chan error)
	go func() { ended <- notebook.Run(ctx, path, progress.New(&out), options) }()
	pids := waitFor(t, &out, regexp.MustCompile(`cell (\d+) kernel (\d+)\.`))
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		waitGone(t, pid)
	}
}

// patience is far more than a kernel needs to start or to end here (about 1 s).
const patience = time.Minute

// waitFor returns what the expression's groups match once it matches out.
func waitFor(t *testing.T, out *output, expression *regexp.Regexp) []string {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if match := expression.FindStringSubmatch(out.String()); match != nil {
			return match[1:]
		}
	}
	t.Fatalf("printed %q, which does not match %v", out, expression)
	return nil
}

// waitGone fails unless process pid ends.
func waitGone(t *testing.T, pid int) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if syscall.Kill(pid, 0) == syscall.ESRCH || isZombie(pid) {
			return
		}
	}
	t.Errorf("process %d still runs after the run was stopped", pid)
}

// isZombie tells whether a process has ended and only waits for its parent: in a
// container nobody may take in orphans.
func isZombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && bytes.Contains(stat, []byte(") Z "))
}

func TestRunRefuses(t *testing.T) {
	tests := []struct {
		name, path string
		options    notebook.Options
		want       string
	}{
		{"no notebook", filepath.Join(t.TempDir(), "none.ipynb"), notebook.Options{Python: python(t)}, "none.ipynb"},
		{"no environment", write(t, setup.KernelName), notebook.Options{Python: "/nowhere/python"}, "make setup"},
		{"no kernel", write(t, "no-such-kernel"), notebook.Options{Python: python(t)}, `no Jupyter kernel 'no-such-kernel'; run: make setup`},
		{"endless cell", write(t, setup.KernelName, "%%\ntime.Sleep(time.Hour)"), notebook.Options{Python: python(t), Timeout: 3 * time.Second}, "did not end within 3 s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := notebook.Run(t.Context(), test.path, progress.New(new(strings.Builder)), test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
		})
	}
}
