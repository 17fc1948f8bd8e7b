// Package notebooks_test runs the notebooks in a real kernel, as a reader would.
package notebooks_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/notebook"
	"gopherlens/internal/progress"
	"gopherlens/internal/setup"
)

// TestKernel runs two numbered notebooks from top to bottom. A cell that fails fails the test.
func TestKernel(t *testing.T) {
	for _, path := range inKernel {
		t.Run(path, func(t *testing.T) { run(t, path) })
	}
}

// installed is this checkout; a test is skipped where nothing was set up, and says what it needs.
func installed(t *testing.T, needs string) setup.Repo {
	t.Helper()
	repo, err := setup.FindRepo()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(repo.Python()); err != nil {
		if os.Getenv("GOPHERLENS_SETUP") != "" {
			t.Fatalf("%s is missing after set-up", repo.Python())
		}
		t.Skip("needs " + needs + ": make setup")
	}
	return repo
}

// run executes a notebook and returns what it printed.
func run(t *testing.T, path string) string {
	t.Helper()
	repo := installed(t, "JupyterLab and the Go kernel")
	var out bytes.Buffer
	options := notebook.Options{Python: repo.Python(), Timeout: 5 * time.Minute}
	if err := notebook.Run(t.Context(), path, progress.New(&out), options); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}

// The two averages of the first notebook on SmolLM2-135M-Instruct, as TransformerLens 2.16.1 gives
// them, and the tolerance that comes with them: ten times the difference between float32 and
// float64 (hooked/testdata/real/smollm2.json).
const (
	fromLogits   = 4.47193766
	fromResidual = 4.47193623
	tolerance    = 1e-5
)

// TestLogitDifferences reads the committed notebook's two averages: a reader sees the right ones
// without running anything.
func TestLogitDifferences(t *testing.T) {
	text := outputs(t, "01_exploratory_analysis.ipynb")
	for what, want := range map[string]float64{"from the logits": fromLogits, "from the residual stream": fromResidual} {
		m := regexp.MustCompile("average logit difference, " + what + `: +([0-9.]+)`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("the notebook does not print the average logit difference %s", what)
		}
		if got, err := strconv.ParseFloat(m[1], 64); err != nil || math.Abs(got-want) > tolerance {
			t.Errorf("%s: %s, want %.8f", what, m[1], want)
		}
	}
}

// TestCommittedOutputs checks that every code cell of every notebook was run, in order and without
// an error.
func TestCommittedOutputs(t *testing.T) {
	for _, path := range append(numbered(t), cookbook) {
		n := 0
		for _, c := range read(t, path).Cells {
			if c.Type != "code" {
				continue
			}
			if n++; c.Count == nil || *c.Count != n {
				t.Errorf("%s: code cell %d was not run in order (make notebooks runs them)", path, n)
			}
			for _, o := range c.Outputs {
				if o.Type == "error" {
					t.Errorf("%s: code cell %d holds an error", path, n)
				}
			}
		}
	}
}

// file is what these tests read of a notebook.
type file struct {
	Cells []struct {
		Type    string `json:"cell_type"`
		Count   *int   `json:"execution_count"`
		Outputs []struct {
			Type string          `json:"output_type"`
			Text json.RawMessage `json:"text"`
		}
	}
}

func read(t *testing.T, path string) file {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f
}

// outputs is the text that a notebook's cells printed.
func outputs(t *testing.T, path string) string {
	t.Helper()
	var b strings.Builder
	for _, c := range read(t, path).Cells {
		for _, o := range c.Outputs {
			var lines []string
			var line string
			if json.Unmarshal(o.Text, &lines) == nil {
				b.WriteString(strings.Join(lines, ""))
			} else if json.Unmarshal(o.Text, &line) == nil {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

// What the resident test notebook must print. The first numbers of the last residual stream are
// TransformerLens' (see above), rounded; their tolerance of 0.003 does not reach the digits shown
// but for the last one.
var residentNumbers = []float64{-15.054819, -19.582502, 31.023018}

// TestResident runs a notebook whose later cells find the model, its results and its programs in
// the worker.
func TestResident(t *testing.T) {
	text := run(t, "testdata/resident.ipynb")
	t.Log(text) // the time of each cell, as Jupyter sees it
	for _, what := range []string{"read", "read again"} {
		for i, got := range numbers(t, text, what+`: \[([-0-9. ]+)\]`) {
			if math.Abs(got-residentNumbers[i]) > 0.003 {
				t.Errorf("%s: number %d is %v, want %v", what, i, got, residentNumbers[i])
			}
		}
	}
	before, after := numbers(t, text, `before: (\d+) models, (\d+) programs`), numbers(t, text, `after: (\d+) models, (\d+) programs`)
	if before[0] != 1 || after[0] != 1 {
		t.Errorf("the worker holds %v models, then %v: want the one that all cells share", before[0], after[0])
	}
	if before[1] != after[1] {
		t.Errorf("another head compiled %v programs: its number is a run-time value", after[1]-before[1])
	}
	three, zero := numbers(t, text, `without head 3: ([-0-9.]+)`), numbers(t, text, `without head 0: ([-0-9.]+)`)
	if three[0] == zero[0] {
		t.Error("another head gave the same result")
	}
}

// TestNeurons runs the notebook that finds what three neurons read, in half a minute of computing.
// It needs the corpus: gopherlens corpus fetch brown.
func TestNeurons(t *testing.T) {
	if os.Getenv("GOPHERLENS_TEST_LONG") == "" {
		t.Skip("GOPHERLENS_TEST_LONG is not set: it reads 512 pieces of the Brown corpus")
	}
	text := run(t, "testdata/neurons.ipynb")
	for _, want := range []string{"1536 neurons of layer 4 on 512 contexts", "Activations on text: 3 series", "Activations on text: 5 series", "Logit lens of probability, 31 rows"} {
		if !strings.Contains(text, want) {
			t.Errorf("the notebook does not say %q:\n%s", want, text)
		}
	}
}

// TestTraps runs cells that go wrong as cells of Go can, and reads what the kernel says of them.
func TestTraps(t *testing.T) {
	text := run(t, "testdata/traps.ipynb")
	at := 0
	for _, want := range []string{
		"together: logits cache", "undefined: cache", "was declared together with others (logits, cache)",
		"together again: logits cache",
		"no-such-model", "in the declaration of broken", "%rm broken",
		"[5/7]", "removed var broken", "without a word: cache",
	} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("the notebook does not say %q in its place:\n%s", want, text)
		}
		at += i + len(want)
	}
	later, _, _ := strings.Cut(text[strings.Index(text, "[5/7]"):], "[6/7]")
	for _, want := range []string{"broken is left out", "later: logits"} { // of two streams, in any order
		if !strings.Contains(later, want) {
			t.Errorf("the cell after a declaration that failed does not say %q:\n%s", want, later)
		}
	}
	if strings.Contains(text[strings.Index(text, "removed var broken"):], "left out") {
		t.Error("what was forgotten is still told of")
	}
}

// numbers are the numbers in the groups of a pattern's first match.
func numbers(t *testing.T, text, pattern string) []float64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("the notebook does not print %q:\n%s", pattern, text)
	}
	var out []float64
	for _, word := range strings.Fields(strings.Join(m[1:], " ")) {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}
