package notebook_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gopherlens/internal/notebook"
)

// A notebook that is read and written is the same to Jupyter, and in git but for nothing.
func TestFileRoundTrip(t *testing.T) {
	paths, err := filepath.Glob("../../notebooks/*.ipynb")
	if err != nil || len(paths) == 0 {
		t.Fatal("no notebooks", err)
	}
	for _, path := range paths {
		f, err := notebook.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		again := filepath.Join(t.TempDir(), "again.ipynb")
		if err := f.WriteFile(again); err != nil {
			t.Fatal(err)
		}
		if a, b := content(t, path), content(t, again); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: written again it differs", path)
		}
		was, _ := os.ReadFile(path)
		is, _ := os.ReadFile(again)
		if !bytes.Equal(was, is) {
			t.Errorf("%s: written again its bytes differ", path)
		}
	}
}

func content(t *testing.T, path string) (v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestProgramSource(t *testing.T) {
	f := new(notebook.File).With([]notebook.Cell{
		{ID: "a", Type: "code", Source: "import (\n\t\"fmt\"\n\t\"os\" // not used\n)\n\nvar x = 1\n\n%%\nfmt.Println(x)"},
		{ID: "text", Type: "markdown", Source: "# not code"},
		{ID: "b", Type: "code", Source: "%%\ny := 2\n_ = y"},
		{ID: "c", Type: "code", Source: "import \"fmt\"\nimport str \"strings\"\nimport \"math/rand/v2\"\nvar r = rand.IntN(3)\nfunc f() string { return str.ToUpper(fmt.Sprint(x)) }"},
	})
	got, err := notebook.Program{}.Source(f)
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	for _, want := range []string{
		"package main\n\nimport (\n\t\"fmt\"\n\t\"math/rand/v2\"\n\tstr \"strings\"\n)\n", "var x = 1\n", "\tfunc() {\n\t\tfmt.Println(x)\n\t}()\n\tfunc() {\n\t\ty := 2\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the program lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "os") {
		t.Errorf("an import is not used:\n%s", got)
	}
	around, err := notebook.Program{Runs: func(c notebook.Cell) bool { return c.ID == "a" }, Around: "each", Extra: "func each(string, func()) {}"}.Source(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`each("a", func() {`, "_ = func() {\n\t\ty := 2", "func each(string, func()) {}"} {
		if !strings.Contains(around, want) {
			t.Errorf("the program lacks %q:\n%s", want, around)
		}
	}
	if _, err := (notebook.Program{}).Source(new(notebook.File).With([]notebook.Cell{{Type: "code", Source: "var = "}})); err == nil {
		t.Error("what is no Go makes no error")
	}
}
