package cell

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// dirEnv is set by GoNB: the folder in which cells are built.
const dirEnv = "GONB_TMP_DIR"

// A program is the source of a cell and of what it has from earlier ones.
type program struct {
	path  string
	text  []byte
	files *token.FileSet
	file  *ast.File
	decls map[string][]*decl // by name; methods by their type's name, too
}

// A decl is something declared outside functions. Constants of one block are one, as they may
// count on.
type decl struct {
	names []string
	node  ast.Node
	tok   token.Token // VAR, CONST, TYPE, FUNC or IMPORT
}

// own is this cell's program; nil outside a notebook, and where its source cannot be read.
var own = sync.OnceValue(func() *program {
	dir := os.Getenv(dirEnv)
	if dir == "" {
		return nil
	}
	for _, name := range []string{"main.go", "main_test.go"} {
		if p, err := read(filepath.Join(dir, name)); err == nil {
			return p
		}
	}
	return nil
})

// Is reports whether the program is a notebook's cell whose source can be read.
func Is() bool { return own() != nil }

func read(path string) (*program, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &program{path: path, text: text, files: token.NewFileSet(), decls: map[string][]*decl{}}
	p.file, err = parser.ParseFile(p.files, path, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range p.file.Decls {
		p.addDecl(d)
	}
	return p, nil
}

func (p *program) addDecl(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		p.add(&decl{names: namesOf(d), node: d, tok: token.FUNC})
	case *ast.GenDecl:
		if d.Tok == token.CONST {
			block := &decl{node: d, tok: d.Tok}
			for _, spec := range d.Specs {
				block.names = append(block.names, specNames(spec)...)
			}
			p.add(block)
			return
		}
		for _, spec := range d.Specs {
			p.add(&decl{names: specNames(spec), node: spec, tok: d.Tok})
		}
	}
}

func (p *program) add(d *decl) {
	for _, name := range d.names {
		p.decls[name] = append(p.decls[name], d)
	}
}

// namesOf are the names that make a function needed: a method is with its type, as it may be
// called through an interface.
func namesOf(d *ast.FuncDecl) []string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return []string{d.Name.Name}
	}
	var names []string
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && names == nil {
			names = []string{id.Name}
		}
		return true
	})
	return names
}

func specNames(spec ast.Spec) (names []string) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, id := range spec.Names {
			names = append(names, id.Name)
		}
	case *ast.TypeSpec:
		names = []string{spec.Name.Name}
	case *ast.ImportSpec:
		if spec.Name != nil {
			return []string{spec.Name.Name}
		}
		if full, err := strconv.Unquote(spec.Path.Value); err == nil {
			names = []string{path.Base(full)} // as good as always
		}
	}
	return names
}

// reach lists what nodes need of what is declared: by name, so that a local variable of the same
// name counts as needing it, too.
func (p *program) reach(from ...ast.Node) []*decl {
	var found []*decl
	for len(from) > 0 {
		node := from[0]
		from = from[1:]
		ast.Inspect(node, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			for _, d := range p.decls[id.Name] {
				if !slices.Contains(found, d) {
					found = append(found, d)
					from = append(from, d.node)
				}
			}
			return true
		})
	}
	return found
}

// line is the number of the line on which something begins.
func (p *program) line(at token.Pos) int { return p.files.Position(at).Line }

// words is the source of a node without comments and layout.
func (p *program) words(n ast.Node) string {
	from, to := p.files.Position(n.Pos()).Offset, p.files.Position(n.End()).Offset
	if d, ok := n.(*ast.FuncDecl); ok { // its comment belongs to the node
		from = p.files.Position(d.Type.Pos()).Offset
	}
	text := p.text[from:to]
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(text)), text, nil, 0)
	var b strings.Builder
	for {
		_, tok, lit := s.Scan()
		if tok == token.EOF {
			return b.String()
		}
		if tok == token.SEMICOLON && lit == "\n" {
			continue
		}
		b.WriteString(tok.String())
		b.WriteByte(' ')
		b.WriteString(lit)
		b.WriteByte(' ')
	}
}
