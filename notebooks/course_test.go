package notebooks_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/course"
	"gopherlens/internal/notebook"
	"gopherlens/internal/setup"
)

// inKernel are the notebooks that tests run in a real kernel; the others are built as one program
// each, which takes a tenth of the time. make notebooks runs all of them in the kernel.
var inKernel = []string{"01_exploratory_analysis.ipynb", "04_arena_1_1_transformer_from_scratch.ipynb"}

// numbered are the notebooks of the course.
func numbered(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("[0-9]*.ipynb")
	if err != nil || len(paths) == 0 {
		t.Fatal("no notebooks", err)
	}
	return paths
}

func readNotebook(t *testing.T, path string) *notebook.File {
	t.Helper()
	f, err := notebook.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var (
	checks = regexp.MustCompile(`arena\.Check\("([^"]+)"`)
	quick  = "const quick = false"
)

// checksOf are the exercises that a cell checks.
func checksOf(c notebook.Cell) (names []string) {
	for _, m := range checks.FindAllStringSubmatch(c.Source, -1) {
		names = append(names, m[1])
	}
	return names
}

// TestConventions holds what README.md asks of a notebook's cells.
func TestConventions(t *testing.T) {
	where := map[string]string{} // which notebook an exercise is in
	for _, path := range numbered(t) {
		f := readNotebook(t, path)
		ids := map[string]bool{}
		var checked []string
		hints := 0
		for i, c := range f.Cells {
			if c.ID == "" || ids[c.ID] {
				t.Errorf("%s: cell %d has the id %q, which is missing or stands there twice", path, i, c.ID)
			}
			ids[c.ID] = true
			hints += strings.Count(c.Source, "<details>")
			checked = append(checked, checksOf(c)...)
		}
		exercises, err := course.Exercises(f)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for _, name := range exercises {
			if other := where[name]; other != "" {
				t.Errorf("%s: exercise %q is one of %s, too", path, name, other)
			}
			where[name] = path
			if !slices.Contains(checked, name) {
				t.Errorf("%s: exercise %q has no check", path, name)
			}
		}
		for _, name := range checked {
			if !slices.Contains(exercises, name) {
				t.Errorf("%s: there is a check of %q, which no solution is marked for", path, name)
			}
		}
		if hints < len(exercises) {
			t.Errorf("%s: %d hints that unfold for %d exercises", path, hints, len(exercises))
		}
	}
}

// TestSolutions runs every solution from top to bottom, in the short form that it defines itself,
// and each check in it must be content.
func TestSolutions(t *testing.T) {
	for _, path := range numbered(t) {
		if slices.Contains(inKernel, path) {
			continue
		}
		t.Run(path, func(t *testing.T) {
			f := readNotebook(t, path)
			exercises, err := course.Exercises(f)
			if err != nil {
				t.Fatal(err)
			}
			text, err := runProgram(t, f, notebook.Program{}, linkXLA)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			for _, name := range exercises {
				if !strings.Contains("\n"+text, "\n✓ "+name+"\n") {
					t.Errorf("the check of %q did not find it done:\n%s", name, text)
				}
			}
		})
	}
}

// TestStubs runs the checks of every student's notebook in which nothing was done: all of its cells
// compile, and each check says that its exercise is not done yet, or that another is not.
func TestStubs(t *testing.T) {
	for _, path := range numbered(t) {
		f := readNotebook(t, path)
		exercises, err := course.Exercises(f)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if len(exercises) == 0 {
			continue
		}
		t.Run(path, func(t *testing.T) {
			stubs, err := course.Stub(f)
			if err != nil {
				t.Fatal(err)
			}
			text, err := runProgram(t, stubs, notebook.Program{
				Runs:   func(c notebook.Cell) bool { return len(checksOf(c)) > 0 },
				Around: "cellOfStubs",
				Extra:  cellOfStubs,
			}, "")
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			for _, name := range exercises {
				if !strings.Contains("\n"+text, "\n… "+name+": not done yet") {
					t.Errorf("the check of %q does not say that it is not done yet:\n%s", name, text)
				}
			}
			if strings.Contains(text, "✓") || strings.Contains(text, "✗") {
				t.Errorf("a check of a stub found something:\n%s", text)
			}
		})
	}
}

// linkXLA is a file that has a program compute as a kernel's cells do, where set-up has installed
// XLA.
const linkXLA = `//go:build cgo

package main

import _ "gopherlens/xla"
`

// cellOfStubs runs what a cell has beside its check, in which a stub may panic, too.
const cellOfStubs = `
import (
	"errors"
	"fmt"
	"gopherlens/notebooks/arena"
)

func cellOfStubs(id string, run func()) {
	defer func() {
		if r := recover(); r != nil {
			var missing arena.NotDone
			if err, ok := r.(error); !ok || !errors.As(err, &missing) {
				panic(r)
			}
			fmt.Println("cell", id+":", missing)
		}
	}()
	run()
}
`

// patience is far more than a notebook's short form takes.
const patience = 5 * time.Minute

// runProgram builds a notebook's cells as one program, with another file if there is any, and runs
// it, in its short form.
func runProgram(t *testing.T, f *notebook.File, p notebook.Program, other string) (output string, err error) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program")
	}
	repo := installed(t, "the models that set-up fetches")
	source, err := p.Source(f)
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	dir := t.TempDir()
	program := build(t, repo, dir, strings.Replace(source, quick, "const quick = true", 1), other)
	return start(t, program, filepath.Dir(dir), "GOPHERLENS_RESIDENT=off")
}

// build makes a program of one file, and another that may be empty, in a workspace with this
// module.
func build(t *testing.T, repo setup.Repo, dir, source, other string) (program string) {
	t.Helper()
	for name, content := range map[string]string{
		"main.go":  source,
		"other.go": cmp.Or(other, "package main\n"),
		"go.mod":   "module cells\n\ngo 1.26.5\n",
		"go.work":  fmt.Sprintf("go 1.26.5\n\nuse (\n\t.\n\t%q\n)\n", repo.Root),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program = filepath.Join(dir, "cells")
	command := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-w", "-o", program, ".")
	command.Dir = dir
	command.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("the cells as one program do not compile: %v\n%s", err, output)
	}
	return program
}

// start runs a program in a folder, and returns all that it printed.
func start(t *testing.T, program, dir string, environment ...string) (output string, err error) {
	t.Helper()
	var out bytes.Buffer
	command := exec.CommandContext(t.Context(), program)
	command.Dir, command.Stdout, command.Stderr = dir, &out, &out
	command.Env = append(os.Environ(), environment...)
	timer := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	err = command.Run()
	if !timer.Stop() {
		err = errors.Join(err, fmt.Errorf("it did not end within %v", patience))
	}
	return out.String(), err
}
