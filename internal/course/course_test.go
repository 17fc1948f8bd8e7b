package course_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/course"
	"gopherlens/internal/notebook"
)

const solved = `// double is twice x.
func double(x int) int {
	y := x
	// solution 1.1 double {
	if x == 0 {
		return 0
	}
	return 2 * y
	// }
}

%%
arena.Check("1.1 double", func(t *arena.T) {})`

const unsolved = `// double is twice x.
func double(x int) int {
	y := x
	// Your code here.
	panic(arena.Todo("1.1 double"))
}

%%
arena.Check("1.1 double", func(t *arena.T) {})`

// code and text are cells; file is a notebook of cells.
func code(id, source string) notebook.Cell {
	return notebook.Cell{ID: id, Type: "code", Source: source}
}

func text(id, source string) notebook.Cell {
	return notebook.Cell{ID: id, Type: "markdown", Source: source}
}

func file(cells ...notebook.Cell) *notebook.File { return new(notebook.File).With(cells) }

func sources(f *notebook.File) (all []string) {
	for _, c := range f.Cells {
		all = append(all, c.Source)
	}
	return all
}

func TestStub(t *testing.T) {
	count := 3
	ran := code("double", solved)
	ran.Count, ran.Outputs = &count, []json.RawMessage{[]byte(`{}`)}
	told := text("told", "it is four")
	told.Metadata = map[string]json.RawMessage{"tags": []byte(`["solution"]`)}
	f := file(text("task", "// solution of nothing {"), ran, told)
	stubs, err := course.Stub(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sources(stubs), []string{"// solution of nothing {", unsolved}; !slices.Equal(got, want) {
		t.Errorf("the stubs are %q, want %q", got, want)
	}
	if c := stubs.Cells[1]; c.Count != nil || c.Outputs != nil {
		t.Errorf("a stub has outputs: %+v", c)
	}
	if names, err := course.Exercises(f); err != nil || !slices.Equal(names, []string{"1.1 double"}) {
		t.Errorf("the exercises are %q (%v)", names, err)
	}
}

func TestStubInstead(t *testing.T) {
	f := file(code("a", "const n = 1\n// solution 1.2 a {\nvar answer = 4\n// stub: var answer = 0\n// stub: var other = 1\n// }"))
	stubs, err := course.Stub(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := stubs.Cells[0].Source, "const n = 1\n// Your code here.\nvar answer = 0\nvar other = 1"; got != want {
		t.Errorf("the stub is %q, want %q", got, want)
	}
}

func TestStubRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"// solution a {\nx":                           `cell c: the solution of "a" has no closing line // }`,
		"// solution a {\n// solution b {\n// }\n// }": `cell c: the solution of "b" begins inside that of "a"`,
	} {
		if _, err := course.Stub(file(code("c", source))); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %q", source, err, want)
		}
	}
}

// update writes the solutions and brings the student's folder up to date.
func update(t *testing.T, dir string, solution *notebook.File) course.Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "04_a.ipynb")
	write(t, path, solution)
	reports, err := course.Update(dir, []string{path})
	if err != nil {
		t.Fatal(err)
	}
	return reports[0]
}

func write(t *testing.T, path string, f *notebook.File) {
	t.Helper()
	frame := new(notebook.File)
	if err := json.Unmarshal([]byte(`{"nbformat":4,"nbformat_minor":5,"metadata":{"kernelspec":{"name":"gonb"}},"cells":[]}`), frame); err != nil {
		t.Fatal(err)
	}
	if err := frame.With(f.Cells).WriteFile(path); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) *notebook.File {
	t.Helper()
	f, err := notebook.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A student's life: the folder is made, exercises are done, cells added and copied, and the course
// goes on meanwhile.
func TestUpdate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "course")
	path := filepath.Join(dir, "04_a.ipynb")
	first := file(text("intro", "welcome"), code("double", solved), code("b", "var b = 1"), code("gone", "var gone = 1"), code("gone2", "var gone2 = 1"))
	r := update(t, dir, first)
	if !r.New || r.Changes != (course.Changes{Added: 5}) || !slices.Equal(r.Exercises, []string{"1.1 double"}) || r.Done[0] {
		t.Errorf("a new folder: %+v", r)
	}

	mine := read(t, path)
	mine.Cells[1].Source = "my double"
	mine.Cells[4].Source = "my gone2"
	copied := mine.Cells[1] // as JupyterLab copies cells, with metadata
	copied.ID = "copied"
	mine = mine.With(slices.Concat([]notebook.Cell{text("own0", "at the top")}, mine.Cells[:2], []notebook.Cell{copied, code("own", "my own")}, mine.Cells[2:]))
	write(t, path, mine)
	if err := course.Note(dir, "1.1 double", "done", true); err != nil {
		t.Fatal(err)
	}

	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r = update(t, dir, first)
	if r.New || r.Changes != (course.Changes{Kept: 2}) || !r.Done[0] {
		t.Errorf("nothing new: %+v", r)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the notebook was written although nothing had changed")
	}

	second := file(text("intro", "welcome back"), code("new", "var new = 1"), code("double", solved+"\n// newer"), code("b", "var b = 2"))
	r = update(t, dir, second)
	if want := (course.Changes{Added: 1, Renewed: 2, Kept: 2, Newer: 1, Removed: 1}); r.Changes != want {
		t.Errorf("the course went on: %+v, want %+v", r.Changes, want)
	}
	want := []string{"at the top", "welcome back", "var new = 1", "my double", "my double", "my own", "var b = 2", "my gone2"}
	if got := sources(read(t, path)); !slices.Equal(got, want) {
		t.Errorf("the cells are %q, want %q", got, want)
	}
	if r = update(t, dir, second); r.Changes.Added+r.Changes.Renewed+r.Changes.Removed != 0 {
		t.Errorf("again: %+v", r.Changes)
	}
}

// What is no notebook, or no record, is named and left alone.
func TestUpdateRefuses(t *testing.T) {
	for name, content := range map[string]string{"04_a.ipynb": "{", ".progress/1.1-a.json": "["} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, course.Records), 0o755); err != nil {
			t.Fatal(err)
		}
		spoilt := filepath.Join(dir, name)
		if err := os.WriteFile(spoilt, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		solution := filepath.Join(t.TempDir(), "04_a.ipynb")
		write(t, solution, file(code("double", solved)))
		if _, err := course.Update(dir, []string{solution}); err == nil || !strings.Contains(err.Error(), filepath.Base(name)) {
			t.Errorf("%s: error %v, want one that names it", name, err)
		}
		if after, _ := os.ReadFile(spoilt); string(after) != content {
			t.Errorf("%s was changed to %q", name, after)
		}
	}
}

// Records are kept where the folder for them is, one for each exercise.
func TestRecords(t *testing.T) {
	dir := t.TempDir()
	if err := course.Note(dir, "1.1 a/b", "wrong", false); err != nil {
		t.Fatal(err)
	}
	if got, err := course.ReadRecords(dir); err != nil || len(got) != 0 {
		t.Errorf("records outside of a student's folder: %v (%v)", got, err)
	}
	if err := os.Mkdir(filepath.Join(dir, course.Records), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, verdict := range []string{"wrong", "done", "failed"} {
		if err := course.Note(dir, "1.1 a/b", verdict, verdict == "done"); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]course.Record{"1.1 a/b": {Exercise: "1.1 a/b", Verdict: "failed", Done: true, Checks: 3}}
	if got, err := course.ReadRecords(dir); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the records are %v (%v), want %v", got, err, want)
	}
}
