package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"gopherlens/internal/notebook"
	"gopherlens/internal/setup"
)

// What a word behind "go" says of a block.
const (
	OnlyBuilt  = "build"    // it takes long, or needs what is not there
	InNotebook = "notebook" // a cell of a notebook, which other tests run
	OnlyShown  = "shown"    // it shows a mistake, or is not ours
	Anew       = "anew"     // it declares what a block before has declared, as a notebook may
)

// A Program is a page's section as a Go package: its blocks are the cells of a notebook.
type Program struct {
	Name   string // of the package
	Where  string // page and section
	Source string
	Runs   bool     // its function Main is to be called
	Prints []string // what it must print: the page's text blocks behind its Go blocks
}

// known are the imports that a block need not write: as in a notebook, where goimports adds them.
var known = slices.Concat([]string{
	"cmp", "context", "errors", "fmt", "math", "os", "os/signal", "path/filepath", "slices", "strings", "time",
	"github.com/gomlx/compute",
}, setup.CellPackages)

func imports() string {
	var b strings.Builder
	for _, path := range known {
		fmt.Fprintf(&b, "import %q\n", path)
	}
	return b.String()
}

// Programs are the page's sections that have Go code to be built.
func (p Page) Programs() (programs []Program, err error) {
	for section := range p.Sections {
		of, err := p.programsOf(section)
		if err != nil {
			return nil, err
		}
		programs = append(programs, of...)
	}
	return programs, nil
}

// programsOf is a section's program, or its programs where a block declares something anew.
func (p Page) programsOf(section int) (programs []Program, err error) {
	where := fmt.Sprintf("%s, %q", p.Path, p.Sections[section])
	s := &sectionReader{prefix: fmt.Sprintf("%s_%d", identifier(p.Path), section), where: where}
	for _, b := range p.Blocks {
		if b.Section == section {
			s.take(b)
		}
	}
	if rows := p.rows(section); rows != "" {
		s.take(Block{Kind: "go", Words: []string{OnlyBuilt}, Text: rows})
	}
	s.finish()
	return s.programs, s.err
}

// A sectionReader makes programs of the blocks of a section, one after the other.
type sectionReader struct {
	prefix, where string
	hidden, cells []notebook.Cell // what stands for all of the section's programs; the cells of this one
	program       Program
	afterGo       bool // the block before was one of this program's
	programs      []Program
	err           error
}

func (s *sectionReader) take(b Block) {
	after := s.afterGo
	s.afterGo = false
	switch {
	case b.Kind == "text" && after:
		last := &s.program
		if len(s.cells) == 0 { // the block before was a file of its own
			last = &s.programs[len(s.programs)-1]
		}
		last.Prints = append(last.Prints, b.Text)
		return
	case b.Kind != "go" || slices.Contains(b.Words, InNotebook) || slices.Contains(b.Words, OnlyShown):
		return
	}
	cell := notebook.Cell{ID: fmt.Sprint(b.Line), Type: "code", Source: b.Text}
	runs := !slices.Contains(b.Words, OnlyBuilt)
	switch {
	case b.Hidden:
		s.finish()
		s.hidden = append(s.hidden, cell)
		return
	case clause.MatchString(b.Text):
		s.finish()
		name := s.name()
		s.programs = append(s.programs, Program{Name: name, Where: s.where, Source: rename(b.Text, name), Runs: runs})
	default:
		if slices.Contains(b.Words, Anew) {
			s.finish()
		}
		s.cells = append(s.cells, cell)
		s.program.Runs = s.program.Runs || runs
	}
	s.afterGo = true
}

func (s *sectionReader) name() string { return fmt.Sprintf("%s_%d", s.prefix, len(s.programs)) }

// finish makes a program of the cells so far.
func (s *sectionReader) finish() {
	if len(s.cells) == 0 {
		return
	}
	p := s.program
	p.Name, p.Where = s.name(), s.where
	source, err := notebook.Program{Extra: imports()}.Source(&notebook.File{Cells: slices.Concat(s.hidden, s.cells)})
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("%s: %w\n%s", s.where, err, source)
	}
	p.Source = rename(source, p.Name)
	s.programs = append(s.programs, p)
	s.cells, s.program = nil, Program{}
}

// clause tells a file with a package of its own from a cell.
var clause = regexp.MustCompile(`(?m)^package main$`)

// rename makes of a program's source a package with a function Main.
func rename(source, name string) string {
	source = clause.ReplaceAllString(source, "package "+name)
	return strings.Replace(source, "\nfunc main() {", "\nfunc Main() {", 1)
}

// identifier is a path as a package's name.
func identifier(path string) string {
	return strings.ToLower(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(strings.TrimSuffix(path, ".md"), "_"))
}

// goColumn is the heading of the column of Go code in tables that lead from Python to it.
const goColumn = "Go"

// rows are the spans of the tables' Go columns in a section, each as a function that is compiled
// and never called.
func (p Page) rows(section int) string {
	var b strings.Builder
	for _, s := range p.Spans {
		if s.Section != section || s.Column != goColumn || s.Text == goColumn {
			continue
		}
		if _, shell := command(s.Text); shell || assignment.MatchString(s.Text) {
			continue
		}
		fmt.Fprintf(&b, "// line %d\nfunc _() {\n%s\n}\n", s.Line, statement(s.Text))
	}
	return b.String()
}

// statement makes a statement of a span: an expression is one, or becomes one; what is declared is
// used; three dots alone stand for anything and are refused by the compiler.
func statement(text string) string {
	if e, err := parser.ParseExpr(text); err == nil {
		if _, call := e.(*ast.CallExpr); call {
			return text
		}
		return "_ = " + text
	}
	return text + declared(text)
}

// declared are uses of the variables that a statement declares.
func declared(text string) string {
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+text+"\n}", parser.SkipObjectResolution)
	if err != nil {
		return "" // the compiler will say it
	}
	var uses strings.Builder
	use := func(names ...ast.Expr) {
		for _, e := range names {
			if id, ok := e.(*ast.Ident); ok && id.Name != "_" {
				fmt.Fprintf(&uses, "\n_ = %s", id.Name)
			}
		}
	}
	for _, s := range f.Decls[0].(*ast.FuncDecl).Body.List {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				use(s.Lhs...)
			}
		case *ast.DeclStmt:
			for _, spec := range s.Decl.(*ast.GenDecl).Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					for _, name := range v.Names {
						use(name)
					}
				}
			}
		}
	}
	return uses.String()
}
