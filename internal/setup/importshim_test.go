package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestImportShim writes in the packages that a cell names, and leaves alone what the cell imports.
func TestImportShim(t *testing.T) {
	dir := t.TempDir()
	s := &Setup{Repo: Repo{Root: dir}}
	if err := os.MkdirAll(s.Repo.Bin(), 0o777); err != nil {
		t.Fatal(err)
	}
	shim, cell := filepath.Join(dir, "goimports"), filepath.Join(dir, "main.go")
	for file, text := range map[string]string{shim: s.importShim(), filepath.Join(s.Repo.Bin(), "goimports"): "#!/bin/sh\nexit 7\n"} {
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, imports, body string
		want                []string
	}{
		{"none", "\"flag\"", "fmt.Println(3)", nil},
		{"two", "\"flag\"", "m := hooked.Must(patching.Run(x))", []string{"gopherlens/hooked", "gopherlens/hooked/patching"}},
		{"at the line's start", "\"flag\"", "\nplots.Line(x)", []string{"gopherlens/plots"}},
		{"deep", "\"flag\"", "fit.Fit(graph.Add(a, b))", []string{"github.com/gomlx/gomlx/core/graph", "gopherlens/hooked/dictionary/fit"}},
		{"imported", "\"gopherlens/hooked\"", "hooked.Must(x)", nil},
		{"another of the name", "\"other/plots\"", "plots.Line(x)", nil},
		{"another by this name", "plots \"other/charts\"", "plots.Line(x)", nil},
		{"a field and a part of a word", "\"flag\"", "x.plots.Line(); myplots.Line(); plots.line()", nil},
		{"a text with a backslash", "\"flag\"", "fmt.Printf(\"a\\tb & c\\n\", plots.Line)", []string{"gopherlens/plots"}},
	} {
		source := "package main\n\nimport (\n\t" + test.imports + "\n)\n\nfunc main() {\n" + test.body + "\n}\n"
		if err := os.WriteFile(cell, []byte(source), 0o666); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(shim, "-w", cell)
		cmd.Env = append(os.Environ(), "GONB_TMP_DIR="+dir)
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 7 || len(out) > 0 {
			t.Fatalf("%s: %v, printed %q; want goimports itself to be called", test.name, err, out)
		}
		got, err := os.ReadFile(cell)
		if err != nil {
			t.Fatal(err)
		}
		want := source
		if len(test.want) > 0 {
			want = strings.Replace(source, "main\n", "main\n\nimport (\n\t\""+strings.Join(test.want, "\"\n\t\"")+"\"\n)\n", 1)
		}
		if string(got) != want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, want)
		}
	}
	if !slices.IsSorted(CellPackages) {
		t.Error("CellPackages are not in order")
	}
}
