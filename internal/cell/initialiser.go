package cell

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A Variable is one that is being initialised, with those of the same declaration.
type Variable struct {
	Names  []string
	Direct bool // by the function that asks, and not by one that the initialiser calls
	Whole  bool // its value is what one call returns, and not made of that

	p    *program
	decl *decl
}

// Initialiser tells which of a cell's variables is being initialised; ok is false where none is, or
// nobody can tell. skip counts functions to leave out: 0 for the one that calls Initialiser.
func Initialiser(skip int) (v Variable, ok bool) {
	p := own()
	if p == nil {
		return v, false
	}
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip+2, pcs)])
	for depth := 0; ; depth++ {
		frame, more := frames.Next()
		if frame.Function == "main.init" && sameFile(frame.File, p.path) {
			v.p, v.Direct = p, depth == 1
			if v.decl = p.variableAt(frame.Line); v.decl == nil {
				return v, false
			}
			v.Names = v.decl.names
			if values := v.decl.node.(*ast.ValueSpec).Values; len(values) == 1 {
				call, ok := values[0].(*ast.CallExpr)
				v.Whole = ok && !isMethodOfCall(call)
			}
			return v, true
		}
		if !more {
			return v, false
		}
	}
}

// isMethodOfCall reports whether the function is a method of what another call returns.
func isMethodOfCall(call *ast.CallExpr) (is bool) {
	ast.Inspect(call.Fun, func(n ast.Node) bool {
		_, nested := n.(*ast.CallExpr)
		is = is || nested
		return !is
	})
	return is
}

func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// variableAt is the variables' declaration that a line belongs to.
func (p *program) variableAt(line int) *decl {
	for _, list := range p.decls {
		for _, d := range list {
			if d.tok == token.VAR && p.line(d.node.Pos()) <= line && line <= p.line(d.node.End()) {
				return d
			}
		}
	}
	return nil
}

// Needed tells whether the cell's own code, what stands below %%, uses the variable, be it through
// other declarations. GoNB's init_ functions and tests count as the cell's own.
func (v Variable) Needed() bool { return slices.Contains(v.p.reach(v.p.roots()...), v.decl) }

// roots are the functions that are called by themselves.
func (p *program) roots() (nodes []ast.Node) {
	for name, list := range p.decls {
		for _, d := range list {
			if d.tok == token.FUNC && (name == "main" || name == "init" || strings.HasSuffix(p.path, "_test.go") && isTest(name)) {
				nodes = append(nodes, d.node)
			}
		}
	}
	return nodes
}

func isTest(name string) bool {
	for _, prefix := range []string{"Test", "Benchmark", "Fuzz", "Example"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// A failure is what is kept of a variable whose initialiser failed: the code of the cell in which
// it did first, and all declarations as they were when it did last.
type failure struct {
	Main  string
	Decls []string
}

// FailedBefore notes that the initialiser has failed, and reports whether it did so already in an
// earlier cell, as it is now. It is false when that cell is run again, as far as can be told: GoNB
// does not say which cell a declaration comes from. A cell that has code is known by it, and one
// that has none by declaring nothing new.
func (v Variable) FailedBefore() bool {
	before, known := failedBefore.Load(v.decl)
	if !known { // what fails may be reported on its way by several
		before, _ = failedBefore.LoadOrStore(v.decl, v.noteFailure())
	}
	return before.(bool)
}

// failedBefore are the answers in this process, by declaration.
var failedBefore sync.Map

func (v Variable) noteFailure() bool {
	path := filepath.Join(filepath.Dir(v.p.path), "gopherlens-failed-"+hash(v.p.words(v.decl.node))+".json")
	now := failure{Main: v.p.mainCode(), Decls: v.p.allWords()}
	var before failure
	text, err := os.ReadFile(path)
	known := err == nil && json.Unmarshal(text, &before) == nil
	again := now.Main == before.Main
	if again && now.Main == "" {
		again = !slices.ContainsFunc(now.Decls, func(d string) bool { return !slices.Contains(before.Decls, d) })
	}
	if known && !again {
		now.Main = before.Main
	}
	if text, err := json.Marshal(now); err == nil {
		os.WriteFile(path, text, 0o600) // failing that, the next cell fails with a message, too
	}
	return known && !again
}

// mainCode is a hash of what stands below %%; "" if nothing does.
func (p *program) mainCode() string {
	for _, d := range p.decls["main"] {
		if f, ok := d.node.(*ast.FuncDecl); ok && f.Body != nil && hasCode(f.Body.List) {
			return hash(p.words(f.Body))
		}
	}
	return ""
}

// hasCode reports whether main does anything but what GoNB puts into it: flag.Parse().
func hasCode(list []ast.Stmt) bool {
	return slices.ContainsFunc(list, func(s ast.Stmt) bool {
		call, ok := s.(*ast.ExprStmt)
		if !ok {
			return true
		}
		c, ok := call.X.(*ast.CallExpr)
		if !ok || len(c.Args) > 0 {
			return true
		}
		sel, ok := c.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		return !ok || pkg.Name != "flag" || sel.Sel.Name != "Parse"
	})
}

// allWords are hashes of all declarations but main and imports, which goimports may change.
func (p *program) allWords() (all []string) {
	for name, list := range p.decls {
		for _, d := range list {
			if name != "main" && d.tok != token.IMPORT {
				all = append(all, hash(p.words(d.node)))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
