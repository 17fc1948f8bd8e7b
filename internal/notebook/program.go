package notebook

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Program is a notebook's code cells as one Go program: declarations in a package, and what
// stands below each %% as a part of main, in its order. It lacks what a kernel adds: no
// declaration can be made anew.
type Program struct {
	// Runs tells whether what stands below a cell's %% is run; it is compiled in any case. nil
	// runs all.
	Runs func(Cell) bool
	// Around is a function's name, declared in Extra, that is given each part and the cell's ID.
	Around string
	// Extra are declarations that are added.
	Extra string
}

// Source is the program's source.
func (p Program) Source(f *File) (string, error) {
	var declarations, main strings.Builder
	for _, cell := range f.Cells {
		if !cell.IsCode() {
			continue
		}
		declared, run := cell.Code()
		fmt.Fprintf(&declarations, "%s\n", declared)
		part := fmt.Sprintf("func() {\n%s\n}", run)
		switch {
		case p.Runs != nil && !p.Runs(cell):
			fmt.Fprintf(&main, "_ = %s\n", part)
		case p.Around != "":
			fmt.Fprintf(&main, "%s(%q, %s)\n", p.Around, cell.ID, part)
		default:
			fmt.Fprintf(&main, "%s()\n", part)
		}
	}
	return tidy(fmt.Sprintf("%s\n%s\nfunc main() {\n%s}\n", &declarations, p.Extra, &main))
}

// tidy makes a file of declarations among which imports stand anywhere: they come first, each once,
// and those that nothing uses go, as the kernel has it.
func tidy(source string) (string, error) {
	source = "package main\n" + source
	files := token.NewFileSet()
	// The parser wants imports first, and reads the rest all the same.
	parsed, err := parser.ParseFile(files, "cells.go", source, parser.ParseComments|parser.SkipObjectResolution|parser.AllErrors)
	if parsed == nil {
		return "", err
	}
	imports, spans := importsOf(files, parsed)
	body := source
	for _, s := range slices.Backward(spans) {
		body = body[:s[0]] + body[s[1]:]
	}
	body = strings.TrimPrefix(body, "package main\n")
	used := selected(parsed)
	var lines []string
	for _, i := range imports {
		if used[i.name] {
			lines = append(lines, i.line)
		}
	}
	slices.Sort(lines)
	whole := fmt.Sprintf("package main\n\nimport (\n%s\n)\n%s", strings.Join(slices.Compact(lines), "\n"), body)
	formatted, err := format.Source([]byte(whole))
	if err != nil {
		return whole, fmt.Errorf("the cells as one program: %w", err)
	}
	return string(formatted), nil
}

// imported is an import: the name that code calls it by, and its line.
type imported struct{ name, line string }

// importsOf are a file's imports, and from where to where their declarations stand.
func importsOf(files *token.FileSet, f *ast.File) (all []imported, spans [][2]int) {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.IMPORT {
			continue
		}
		spans = append(spans, [2]int{files.Position(g.Pos()).Offset, files.Position(g.End()).Offset})
		for _, s := range g.Specs {
			spec := s.(*ast.ImportSpec)
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue // the compiler will say it
			}
			i := imported{packageName(target), spec.Path.Value}
			if spec.Name != nil {
				i = imported{spec.Name.Name, spec.Name.Name + " " + spec.Path.Value}
			}
			all = append(all, i)
		}
	}
	return all, spans
}

// packageName is the name that a package most likely has: its path's last part, but for a version.
func packageName(target string) string {
	name := path.Base(target)
	if version.MatchString(name) {
		name = path.Base(path.Dir(target))
	}
	return name
}

var version = regexp.MustCompile(`^v[0-9]+$`)

// selected are the names before a dot. Dot and blank imports count as used.
func selected(f *ast.File) map[string]bool {
	names := map[string]bool{".": true, "_": true}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				names[x.Name] = true
			}
		}
		return true
	})
	return names
}
