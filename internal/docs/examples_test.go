package docs_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestExamples demands of each package that others can import an example that stands at its top,
// and says what it prints, so that go test runs it.
func TestExamples(t *testing.T) {
	packages := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || slices.Contains([]string{"internal", "testdata", "build", "bin", "bench", "course"}, name)) {
			return fs.SkipDir
		}
		name, examples, err := examplesIn(path)
		if err != nil || name == "" || name == "main" {
			return err
		}
		packages++
		if !slices.ContainsFunc(examples, func(e *doc.Example) bool {
			return (e.Name == "" || strings.HasPrefix(e.Name, "_")) && (e.Output != "" || e.EmptyOutput)
		}) {
			t.Errorf("package %s has no func Example with an Output comment", strings.TrimPrefix(path, root+"/"))
		}
		return nil
	})
	if err != nil || packages < 20 {
		t.Errorf("%d packages: %v", packages, err)
	}
}

// examplesIn are the examples of a folder's tests; the name is that of its package, empty if there
// is none that everybody can build.
func examplesIn(dir string) (name string, examples []*doc.Example, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return "", nil, err
	}
	var tests []*ast.File
	for _, path := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return "", nil, err
		}
		switch {
		case strings.HasSuffix(path, "_test.go"):
			tests = append(tests, f)
		case !tagged(f):
			name = f.Name.Name
		}
	}
	return name, doc.Examples(tests...), nil
}

// tagged tells whether a build constraint stands before a file's package clause.
func tagged(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Pos() < f.Package && strings.HasPrefix(c.Text, "//go:build") {
				return true
			}
		}
	}
	return false
}
