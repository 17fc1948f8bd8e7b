package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildCellbuild puts the program that builds cells where a set-up has it.
func buildCellbuild(t *testing.T, s *Setup) {
	t.Helper()
	if out, err := exec.Command("go", "build", "-o", s.Repo.cellbuild(), "gopherlens/internal/cellbuild").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// kernelGo is the text of the kernel's go command, of a set-up that has the program that builds
// cells.
func kernelGo(t *testing.T, g goCommand) string {
	t.Helper()
	s := &Setup{Repo: Repo{Root: t.TempDir()}}
	buildCellbuild(t, s)
	return s.goShim(g)
}

// TestGoShim builds cells through the kernel's go command: the second has lost a variable that was
// declared together with another one.
func TestGoShim(t *testing.T) {
	g, err := findGo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	shim := filepath.Join(dir, "go")
	if err := os.WriteFile(shim, []byte(kernelGo(t, g)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "explain.awk"), []byte(explainText), 0o644); err != nil {
		t.Fatal(err)
	}
	build := func(source string) (string, error) {
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\n"+source), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(shim, "build", "-o", filepath.Join(dir, "cell"), "main.go")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GONB_TMP_DIR="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	const two = "func two() (int, int) { return 1, 2 }\n"
	if out, err := build("var (\n\tlogits, cache = two()\n)\n" + two + "func main() { _ = cache }"); err != nil || out != "" {
		t.Fatalf("%v, printed %q", err, out)
	}
	if out, err := build("var logits = 3\n" + two + "func main() {}"); err != nil || out != "" {
		t.Fatalf("%v, printed %q", err, out)
	}
	out, err := build("var logits = 3\n" + two + "func main() { _, _ = cache, caches }")
	if err == nil || !strings.Contains(out, "undefined: cache\n") || !strings.Contains(out, "cache was declared together with others (logits, cache): when") {
		t.Errorf("%v, printed\n%s", err, out)
	}
	for _, c := range []struct{ source, want, lacks string }{
		{"func main() { x := 3 }", "declared and not used: x\nGo builds nothing with a variable that nobody reads: use it", "prints"},
		{"var x = 3\nfunc main() { x }", "is not used\na cell shows only what it prints: fmt.Println(...)", "nobody reads"},
		{"func main() { fmt.Printn(3) }", "undefined: fmt\nfmt: no package of this name that is known here has what the cell takes from it", "together"},
		{"func main() { var x int = \"a\" ; _ = x }", "cannot use", "Go builds nothing"},
	} {
		if out, err := build(c.source); err == nil || !strings.Contains(out, c.want) || strings.Contains(out, c.lacks) {
			t.Errorf("%s: %v, printed\n%s\nwant %q and no %q", c.source, err, out, c.want, c.lacks)
		}
	}
	if strings.Contains(out, "caches was declared") {
		t.Errorf("a name that was never declared is explained:\n%s", out)
	}
	if out, err := exec.Command(shim, "get").CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("go get: %v, printed %q", err, out)
	}
	if out, err := exec.Command(shim, "env", "GOROOT").Output(); err != nil || strings.TrimSpace(string(out)) != g.Root {
		t.Errorf("go env: %v, printed %q", err, out)
	}
}

// Go's errors about this module's types, as Go 1.26 writes them, are explained by what to write.
func TestExplain(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "explain.awk")
	if err := os.WriteFile(script, []byte(explainText), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ source, said, want string }{
		{"\tmodel.Run(text, hooked.ZeroHead)", "18: cannot use hooked.ZeroHead (value of type func(heads ...int) hooked.Intervention) as hooked.Option value in argument to model.Run",
			`hooked.ZeroHead is a function that makes an edit, which is given with its site: hooked.Edit("z", hooked.ZeroHead(heads ...int))`},
		{"\tmodel.Run(text, hooked.ZeroHead(3))", "18: cannot use hooked.ZeroHead(3) (value of struct type hooked.Intervention) as hooked.Option value in argument to model.Run",
			`an edit is given with the site that it changes: hooked.Edit("z", hooked.ZeroHead(3))`},
		{"\thooked.Edit(\"z\", hooked.ZeroHead)", "13: func(heads ...int) hooked.Intervention does not satisfy func(*graph.Node, hooked.Site) *graph.Node | hooked.Intervention (func(heads ...int) hooked.Intervention missing in func(*github.com/gomlx/gomlx/core/graph.Node, gopherlens/hooked.Site) *github.com/gomlx/gomlx/core/graph.Node | gopherlens/hooked.Intervention)",
			`hooked.ZeroHead is a function that makes an edit: call it, with (heads ...int)`},
		{"\thooked.Edit(\"z\", hooked.Edit(\"z\", x))", "13: hooked.Option does not satisfy func(*graph.Node, hooked.Site) *graph.Node | hooked.Intervention (hooked.Option missing in",
			`what stands there makes an option by itself: give it to the run without hooked.Edit around it`},
		{"", "1: cannot use steer.AddTo (value of type func(v *steer.Vector, strength float64, at ...hooked.Entries) hooked.Option) as hooked.Option value in argument to model.Run",
			`steer.AddTo is a function that makes an option: call it, steer.AddTo(v *steer.Vector, strength float64, at ...hooked.Entries)`},
		{"", "1: in call to model.Run, type func[V hooked.Values](value V, at ...hooked.Entries) hooked.Intervention of hooked.Replace does not match hooked.Option (cannot infer V)",
			`hooked.Replace is a function that makes an edit, which is given with its site: hooked.Edit("z", hooked.Replace(value V, at ...hooked.Entries))`},
		{"", "1: cannot use hooked.Pos(-1) (value of struct type hooked.Entries) as hooked.Option value in argument to model.Run",
			`hooked.Pos(-1) picks entries, and stands in what changes or reads them: hooked.Edit("z", hooked.Zero(hooked.Pos(-1)))`},
		{"", "1: in call to model.Run, type func[P hooked.Pick](picks ...P) hooked.Entries of hooked.Pos does not match hooked.Option (cannot infer P)",
			`hooked.Pos is a function that picks entries of a site: call it, in what changes or reads them, as in hooked.Zero(hooked.Pos(3))`},
		{"", "1: assignment mismatch: 1 variable but model.Run returns 2 values",
			`model.Run returns an error behind what it makes: hooked.Must(model.Run(...)) takes it off, and stops the cell if there is one`},
		{"", "1: assignment mismatch: 2 variables but model.RunWithCache returns 3 values",
			`model.RunWithCache returns an error behind what it makes: hooked.Must2(model.RunWithCache(...)) takes it off, and stops the cell if there is one`},
		{"", `1: multiple-value model.Run("x") (value of type (*hooked.Tensor, error)) in single-value context`,
			`model.Run("x") returns an error, too: hooked.Must(model.Run("x")) takes it off, and stops the cell if there is one`},
		{"", "1: too many arguments in call to hooked.Must", `hooked.Must2 is for what returns two values and an error`},
		{"", "1: undefined: hooked.FromPretraind", `package hooked has no FromPretraind: Tab behind hooked. lists what it has`},
		{"", "1: undefined: cache", ""},
		{"", "1: assignment mismatch: 3 variables but model.Run returns 2 values", ""},
		{"", `1: cannot use "a" (untyped string constant) as int value in argument to f`, ""},
	} {
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n"+c.source+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		awk := exec.Command("awk", "-f", script, "main.go", "-")
		awk.Dir, awk.Stdin = dir, strings.NewReader("# gopherlens\n./main.go:2:"+c.said+"\n")
		out, err := awk.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
			t.Errorf("%s: %v, explained by\n%s\nwant\n%s", c.said, err, got, c.want)
		}
	}
}

// A cell is built with the tag of cells, unless it computes by itself or its user has tags.
func TestGoShimTag(t *testing.T) {
	g, err := findGo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	shim := filepath.Join(dir, "go")
	for path, content := range map[string]string{
		shim:                           kernelGo(t, g),
		filepath.Join(dir, "main.go"):  "package main\n\nfunc main() { println(tagged) }\n",
		filepath.Join(dir, "with.go"):  "//go:build gopherlens_cell\n\npackage main\n\nconst tagged = true\n",
		filepath.Join(dir, "less.go"):  "//go:build !gopherlens_cell\n\npackage main\n\nconst tagged = false\n",
		filepath.Join(dir, "go.mod"):   "module x\n",
		filepath.Join(dir, "other.go"): "//go:build other\n\npackage main\n",
	} {
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for env, want := range map[string]string{"X=": "true\n", "GOPHERLENS_RESIDENT=off": "false\n", "GOFLAGS=-tags=other": "false\n"} {
		program := filepath.Join(dir, "cell")
		cmd := exec.Command(shim, "build", "-o", program)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off", "GONB_TMP_DIR="+dir, env)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v, printed %q", env, err, out)
		}
		if out, err := exec.Command(program).CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s: tagged is %q, %v; want %q", env, out, err, want)
		}
	}
}

// A cell is built without C, one that needs C with it.
func TestGoShimC(t *testing.T) {
	g, err := findGo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := kernelGo(t, g)
	for name, c := range map[string]struct{ cell, env, want string }{
		"without":        {"package main\n\nfunc main() { println(c) }\n", "X=", "false\n"},
		"the user's own": {"package main\n\nfunc main() { println(c) }\n", "CGO_ENABLED=1", "true\n"},
		"a package of C": {"package main\n\nimport \"x/c\"\n\nfunc main() { println(c.Five()) }\n", "X=", "5\n"},
		"C in the cell":  {"package main\n\n// int five() { return 5; }\nimport \"C\"\n\nfunc main() { println(int(C.five())) }\n", "X=", "5\n"},
	} {
		dir := t.TempDir()
		shim := filepath.Join(dir, "go")
		for path, content := range map[string]string{
			shim:                            text,
			filepath.Join(dir, "main.go"):   c.cell,
			filepath.Join(dir, "cgo.go"):    "//go:build cgo\n\npackage main\n\nconst c = true\n",
			filepath.Join(dir, "nocgo.go"):  "//go:build !cgo\n\npackage main\n\nconst c = false\n",
			filepath.Join(dir, "c", "c.go"): "package c\n\n// int five() { return 5; }\nimport \"C\"\n\nfunc Five() int { return int(C.five()) }\n",
			filepath.Join(dir, "go.mod"):    "module x\n",
		} {
			if strings.Contains(c.cell, "import") && filepath.Base(path) != "main.go" && filepath.Dir(path) == dir && strings.HasSuffix(path, "cgo.go") {
				continue // their c would hide the package
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		program := filepath.Join(dir, "cell")
		cmd := exec.Command(shim, "build", "-o", program)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off", "GONB_TMP_DIR="+dir, "CGO_ENABLED=", c.env)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v, printed %q", name, err, out)
			continue
		}
		if out, err := exec.Command(program).CombinedOutput(); err != nil || string(out) != c.want {
			t.Errorf("%s: %v, printed %q, want %q", name, err, out, c.want)
		}
	}
}
