package cell

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"reflect"
	"runtime"
	"slices"
	"strings"
)

// ErrNoSource says that a function is not from a notebook's cell, or that its source was not found.
var ErrNoSource = errors.New("the function's source is not at hand")

// FingerprintOf stands for what a function of a cell computes: its source and that of all that it
// uses of what the notebook declares, without comments and layout. What it takes from a file, the
// network or the clock is not in it.
//
// Of the variables of a function around it, their assignments count, too. One whose value only a
// call tells, a parameter or a loop's variable, is an error, unless the name that the function is
// given beside it (the first argument of the call that it is in) is itself computed.
func FingerprintOf(f any) (string, error) {
	p := own()
	fn := runtime.FuncForPC(reflect.ValueOf(f).Pointer())
	if p == nil || fn == nil {
		return "", ErrNoSource
	}
	file, line := fn.FileLine(fn.Entry())
	if !sameFile(file, p.path) {
		return "", ErrNoSource
	}
	if name, ok := strings.CutPrefix(fn.Name(), "main."); ok && !strings.Contains(name, ".") {
		for _, d := range p.decls[strings.TrimSuffix(name, "-fm")] {
			if d.tok == token.FUNC {
				return p.print(d.node), nil
			}
		}
	}
	literals := p.literalsAt(line)
	if len(literals) == 0 {
		return "", ErrNoSource
	}
	var nodes []ast.Node
	for _, l := range literals {
		outer, err := l.captured()
		if err != nil {
			return "", err
		}
		nodes = append(append(nodes, l.lit), outer...)
	}
	return p.print(nodes...), nil
}

// print hashes nodes and all that they use.
func (p *program) print(nodes ...ast.Node) string {
	var texts []string
	for _, d := range p.reach(nodes...) {
		if !slices.Contains(nodes, d.node) {
			texts = append(texts, p.words(d.node))
		}
	}
	slices.Sort(texts)
	for _, n := range nodes {
		texts = append(texts, p.words(n))
	}
	return hash(strings.Join(texts, "\n"))
}

// A literal is a function literal, with what is around it.
type literal struct {
	lit    *ast.FuncLit
	around []ast.Node // from the file to the literal's parent
}

// literalsAt are the function literals that begin on a line: mostly one.
func (p *program) literalsAt(line int) (found []literal) {
	var stack []ast.Node
	ast.Inspect(p.file, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if lit, ok := n.(*ast.FuncLit); ok && p.line(lit.Pos()) == line {
			found = append(found, literal{lit, slices.Clone(stack)})
		}
		stack = append(stack, n)
		return true
	})
	return found
}

// captured are the statements that give values to the variables that the literal uses of the
// functions around it.
func (l literal) captured() ([]ast.Node, error) {
	var outer ast.Node // the outermost function
	for _, n := range l.around {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			if outer == nil {
				outer = n
			}
		}
	}
	if outer == nil {
		return nil, nil
	}
	used := map[string]bool{}
	note := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				used[id.Name] = true
			}
			return true
		})
	}
	note(l.lit)
	var nodes []ast.Node
	for before := -1; before < len(nodes); { // a statement may use variables of further ones
		before = len(nodes)
		for _, s := range l.assignments(outer) {
			if assigns(s, used) && !slices.Contains(nodes, s) {
				nodes = append(nodes, s)
				note(s)
			}
		}
	}
	if name := l.varying(outer, used); name != "" && !l.isNamed() {
		return nil, fmt.Errorf("the function uses %s of the function around it, which can be another each time: "+
			"put it into the name, as in fmt.Sprint(\"name \", %s)", name, name)
	}
	return nodes, nil
}

// assignments are the statements outside the literal that give variables a value.
func (l literal) assignments(outer ast.Node) (all []ast.Node) {
	ast.Inspect(outer, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Pos() <= l.lit.Pos() && l.lit.End() <= n.End() {
				return true // what the literal's result is assigned to
			}
			all = append(all, n)
		case *ast.ValueSpec:
			if n.Pos() <= l.lit.Pos() && l.lit.End() <= n.End() {
				return true
			}
			all = append(all, n)
		case *ast.IncDecStmt:
			all = append(all, n)
		}
		return n != l.lit
	})
	return all
}

// assigns reports whether a statement gives one of the named variables a value.
func assigns(n ast.Node, names map[string]bool) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		return slices.ContainsFunc(n.Lhs, func(e ast.Expr) bool { return names[root(e)] })
	case *ast.ValueSpec:
		return slices.ContainsFunc(n.Names, func(id *ast.Ident) bool { return names[id.Name] })
	case *ast.IncDecStmt:
		return names[root(n.X)]
	}
	return false
}

// root is the variable that an expression such as a.b[i] is part of.
func root(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ""
		}
	}
}

// varying is a parameter or a loop's variable among the names; "" if there is none.
func (l literal) varying(outer ast.Node, names map[string]bool) (found string) {
	see := func(id ast.Expr) {
		if x, ok := id.(*ast.Ident); ok && names[x.Name] && x.Name != "_" {
			found = x.Name
		}
	}
	fields := func(list *ast.FieldList) {
		if list == nil {
			return
		}
		for _, field := range list.List {
			for _, id := range field.Names {
				see(id)
			}
		}
	}
	for _, n := range l.around {
		switch n := n.(type) {
		case *ast.FuncDecl:
			fields(n.Recv)
			fields(n.Type.Params)
		case *ast.FuncLit:
			fields(n.Type.Params)
		case *ast.RangeStmt:
			see(n.Key)
			see(n.Value)
		case *ast.ForStmt:
			if init, ok := n.Init.(*ast.AssignStmt); ok {
				for _, e := range init.Lhs {
					see(e)
				}
			}
		}
	}
	return found
}

// isNamed reports whether the literal is an argument beside a name that is no constant.
func (l literal) isNamed() bool {
	call, ok := l.around[len(l.around)-1].(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	_, constant := call.Args[0].(*ast.BasicLit)
	return !constant && call.Args[0] != ast.Expr(l.lit)
}
