package cell

import (
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// parse reads declarations and the code below %% as a cell's program.
func parse(t *testing.T, decls, code string) *program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "main.go")
	text := "package main\n\nimport \"fmt\"\n\n" + decls + "\n\nfunc main() {\nflag.Parse()\n" + code + "\n}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := read(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// variable is the one that is declared with this name.
func variable(t *testing.T, p *program, name string) Variable {
	t.Helper()
	if len(p.decls[name]) != 1 {
		t.Fatalf("%d declarations of %s", len(p.decls[name]), name)
	}
	return Variable{p: p, decl: p.decls[name][0]}
}

const declarations = `
var (
	a, b = two()
	c = a + 1
	d thing
	e = 5
)

type thing struct{ next *other }

type other int

func (o other) String() string { return fmt.Sprint(e) }

func use() any { return d }
`

func TestNeeded(t *testing.T) {
	for code, want := range map[string]string{
		"":                           "",
		"fmt.Println(1)":             "",
		"fmt.Println(a)":             "a b",
		"fmt.Println(b)":             "a b",
		"fmt.Println(c)":             "a b c",
		"fmt.Println(use())":         "d e", // by the methods of what a thing holds
		"a := 1; _ = a":              "a b", // a name is enough
		"func() { use() }()":         "d e",
		"var x other; fmt.Print(&x)": "e",
	} {
		p := parse(t, declarations, code)
		var needed []string
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			if variable(t, p, name).Needed() {
				needed = append(needed, name)
			}
		}
		if got := strings.Join(needed, " "); got != want {
			t.Errorf("%q needs %q, want %q", code, got, want)
		}
	}
	if p := parse(t, declarations+"\nfunc init() { _ = e }", ""); !variable(t, p, "e").Needed() {
		t.Error("what an init function uses is not needed")
	}
}

// TestVariableAt finds declarations by their lines.
func TestVariableAt(t *testing.T) {
	p := parse(t, "var x = f(\n\t1,\n)\nvar y = 2\nfunc f(int) int { return 1 }", "")
	for line, want := range map[int]string{5: "x", 6: "x", 7: "x", 8: "y", 9: "", 1: ""} {
		got := ""
		if d := p.variableAt(line); d != nil {
			got = d.names[0]
		}
		if got != want {
			t.Errorf("line %d belongs to %q, want %q", line, got, want)
		}
	}
}

// prints are the fingerprints of the function that is given to Once in v.
func printOf(t *testing.T, p *program, name string) string {
	t.Helper()
	var lit *ast.FuncLit
	ast.Inspect(p.decls[name][0].node, func(n ast.Node) bool {
		if l, ok := n.(*ast.FuncLit); ok && lit == nil {
			lit = l
		}
		return true
	})
	if lit == nil {
		t.Fatalf("no function in %s", name)
	}
	return p.print(lit)
}

func TestPrint(t *testing.T) {
	const base = "const n = 3\ntype T struct{ A int }\nfunc (t T) Double() int { return 2 * n }\n" +
		"func train(t T) int { return t.Double() }\nvar v = Once(\"v\", func() int { return train(T{}) })\nvar other = 1\nfunc unrelated() {}"
	of := func(old, new string) string {
		if !strings.Contains(base, old) {
			t.Fatalf("nothing to replace: %q", old)
		}
		return printOf(t, parse(t, strings.Replace(base, old, new, 1), "other++"), "v")
	}
	same := of("", "")
	for _, c := range []struct {
		old, new string
		changes  bool
	}{
		{"n = 3", "n = 4", true},
		{"2 * n", "3 * n", true},
		{"A int", "A int8", true},
		{"train(T{})", "train(T{1})", true},
		{"other = 1", "other = 2", false},
		{"func unrelated() {}", "func unrelated() { train(T{}) }", false},
		{"return 2 * n", "// twice\n\treturn   2*n", false},
		{"func train", "// train trains\nfunc train", false},
		{`"fmt"`, `"fmt"`, false},
	} {
		if c.old == `"fmt"` {
			continue
		}
		if got := of(c.old, c.new) != same; got != c.changes {
			t.Errorf("%q in the place of %q changes the fingerprint: %t, want %t", c.new, c.old, got, c.changes)
		}
	}
}

// TestFailedBefore runs cells that share the kernel's folder.
func TestFailedBefore(t *testing.T) {
	dir := t.TempDir()
	ask := func(decls, code string) bool {
		p := parse(t, "var m = load()\n"+decls, code)
		p.path = filepath.Join(dir, "main.go")
		return variable(t, p, "m").FailedBefore()
	}
	for i, c := range []struct {
		decls, code string
		want        bool
	}{
		{"", "", false},              // declares it
		{"", "", false},              // again
		{"", "fmt.Println(1)", true}, // another cell
		{"type x int", "", true},     // another one, which declares
		// is it the first or the last that is run again? It says so
		{"type x int", "", false},
		{"type x int", "fmt.Println(1)", true}, // another cell
		{"type x string", "", true},            // declared anew
	} {
		if got := ask(c.decls, c.code); got != c.want {
			t.Errorf("cell %d: failed before: %t, want %t", i, got, c.want)
		}
	}
	dir = t.TempDir()
	for i, c := range []struct {
		decls, code string
		want        bool
	}{
		{"", "fmt.Println(1)", false},
		{"", "fmt.Println(2)", true},
		{"", "", true},
		{"", "fmt.Println(1)", false},
		{"type x int", "", true},
	} {
		if got := ask(c.decls, c.code); got != c.want {
			t.Errorf("cell %d of those with code: failed before: %t, want %t", i, got, c.want)
		}
	}
}

func TestCaptured(t *testing.T) {
	for _, c := range []struct {
		code  string
		nodes int
		fails bool
	}{
		{`n := 1; m := n; Once("x", func() int { return m })`, 2, false},
		{`n := 1; _ = n; Once("x", func() int { return 2 })`, 0, false},
		{`for i := range 3 { Once("x", func() int { return i }) }`, 0, true},
		{`for i := 0; i < 3; i++ { Once("x", func() int { return i }) }`, 2, true},
		{`for i := range 3 { j := i; Once("x", func() int { return j }) }`, 1, true},
		{`for i := range 3 { Once(fmt.Sprint("x", i), func() int { return i }) }`, 0, false},
		{`f := func(k int) { Once("x", func() int { return k }) }; f(1)`, 0, true},
		{`v := Once("x", func() int { return 1 }); _ = v`, 0, false},
	} {
		p := parse(t, "", c.code)
		line := p.line(p.decls["main"][0].node.(*ast.FuncDecl).Body.List[1].Pos())
		literals := p.literalsAt(line)
		l := literals[len(literals)-1] // the innermost
		nodes, err := l.captured()
		if (err != nil) != c.fails || !c.fails && len(nodes) != c.nodes {
			t.Errorf("%s: %d statements, error %v; want %d, an error: %t", c.code, len(nodes), err, c.nodes, c.fails)
		}
	}
}

func TestNoCell(t *testing.T) {
	if _, ok := Initialiser(0); ok {
		t.Error("a test initialises a cell's variable")
	}
	if _, err := FingerprintOf(TestNoCell); err == nil {
		t.Error("a test's function has a fingerprint")
	}
	if _, err := read(filepath.Join(t.TempDir(), "none.go")); err == nil {
		t.Error("a file that is not there was read")
	}
	if got := (&program{}).roots(); len(got) != 0 || slices.Contains(got, nil) {
		t.Error("an empty program has roots")
	}
}
