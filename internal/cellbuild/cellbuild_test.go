package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// asProgram makes the test's program the one that it tests, which the go command calls, too. Its
// value is how long files must have been left alone.
const asProgram = "CELLBUILD_TEST"

func TestMain(m *testing.M) {
	if after := os.Getenv(asProgram); after != "" {
		settled, _ = time.ParseDuration(after)
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A bench is a folder of cells, a module that they use, and a go command that writes down how it is
// called.
type bench struct {
	*testing.T
	cell, library, goRoot string
	env                   []string
}

func newBench(t *testing.T) *bench {
	dir := filepath.Join(t.TempDir(), "it's not, but a space is")
	dir = strings.ReplaceAll(dir, "'", "")
	b := &bench{T: t, cell: filepath.Join(dir, "cell"), library: filepath.Join(dir, "library"), goRoot: filepath.Join(dir, "go")}
	output, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(output))
	for file, text := range map[string]string{
		"go/bin/go":                "#!/bin/sh\necho \"$1\" >>'" + dir + "/go/calls'\nexec " + filepath.Join(root, "bin", "go") + " \"$@\"\n",
		"cell/go.mod":              "module gonb_x\n\ngo 1.26.0\n",
		"cell/go.work":             "go 1.26.0\n\nuse (\n\t.\n\t../library\n)\n",
		"library/go.mod":           "module library\n\ngo 1.26.0\n",
		"library/say/say.go":       "package say\n\nimport \"library/inner\"\n\nfunc It() string { return inner.Word }\n",
		"library/inner/inner.go":   "package inner\n\nimport _ \"embed\"\n\n//go:embed texts/word\nvar Word string\n",
		"library/inner/texts/word": "one",
		"library/other/other.go":   "package other\n\nconst Word = \"other\"\n",
		"library/internal/in.go":   "package internal\n\nconst Word = \"in\"\n",
	} {
		b.write(filepath.Join(dir, file), text)
	}
	for _, name := range []string{"src", "pkg", "VERSION", "go.env"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(b.goRoot, name)); err != nil {
			t.Fatal(err)
		}
	}
	b.env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=auto", "GOPROXY=http://user:hidden@127.0.0.1:1",
		"GOENV="+filepath.Join(dir, "env"), dirVariable+"="+b.cell, asProgram+"=0s")
	return b
}

func (b *bench) write(file, text string) {
	b.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		b.Fatal(err)
	}
}

// program is a cell that prints an expression.
func program(imports, expression string) string {
	return "package main\n\nimport (\n" + imports + "\n)\n\nfunc main() { fmt.Println(" + expression + ") }\n"
}

const says = "\"fmt\"\n\"library/say\""

// call builds what the folder of cells holds, and returns what the command said.
func (b *bench) call(env []string, command string, args ...string) (string, error) {
	cmd := exec.Command(command, append(args, "build", "-o", filepath.Join(b.cell, "made"))...)
	cmd.Dir, cmd.Env = b.cell, append(b.env, env...)
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// build builds a cell, tells whether the go command did, and returns what the cell prints.
func (b *bench) build(cell string, env ...string) (printed string, byGo bool) {
	b.Helper()
	b.write(filepath.Join(b.cell, source), cell)
	calls := filepath.Join(b.goRoot, "calls")
	_ = os.Remove(calls)
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	if output, err := b.call(env, self, filepath.Join(b.goRoot, "bin", "go")); err != nil || output != "" {
		b.Fatalf("%v, printed %q", err, output)
	}
	output, err := exec.Command(filepath.Join(b.cell, "made")).CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, output)
	}
	called, _ := os.ReadFile(calls)
	return strings.TrimSpace(string(output)), strings.Contains(string(called), "build\n")
}

// want builds a cell and compares.
func (b *bench) want(what, cell, printed string, byGo bool, env ...string) {
	b.Helper()
	if got, by := b.build(cell, env...); got != printed || by != byGo {
		b.Errorf("%s: the cell prints %q, built by the go command: %v; want %q and %v", what, got, by, printed, byGo)
	}
}

// ready has built two cells, so that the next is built without the go command.
func (b *bench) ready() {
	b.Helper()
	b.build(program(says, `say.It(), "first"`)) // compiles the library
	b.build(program(says, `say.It(), "second"`))
	b.want("ready", program(says, `say.It(), "third"`), "one third", false)
}

// Cells that differ in main.go alone are built without the go command, as it builds them.
func TestDirect(t *testing.T) {
	b := newBench(t)
	b.ready()
	b.want("the same again", program(says, `say.It(), "third"`), "one third", false)
	b.want("one of Go's own packages that the program has", program(says+"\n\"os\"", `say.It(), len(os.Args)`), "one 1", false)
	b.want("one that it has not", program(says+"\n\"container/ring\"", `say.It(), ring.New(3).Len()`), "one 3", true)
	b.build(program(says+"\n\"container/ring\"", `say.It(), ring.New(4).Len()`)) // it may have been compiled before, or only now
	b.want("which it has now", program(says+"\n\"container/ring\"", `say.It(), ring.New(5).Len()`), "one 5", false)
	b.want("another package", program(says+"\n\"library/other\"", `say.It(), other.Word`), "one other", true)
	b.want("a place in the source", "package main\n\nimport (\n\"fmt\"\n\"library/say\"\n\"runtime\"\n)\n\nfunc main() { _, file, line, _ := runtime.Caller(0); fmt.Println(say.It(), file, line) }\n",
		fmt.Sprint("one ", filepath.Join(b.cell, source), " 9"), false)

	info := program(says+"\n\"runtime/debug\"", `say.It(), func() *debug.BuildInfo { i, _ := debug.ReadBuildInfo(); return i }()`)
	b.build(info)
	made, _ := b.build(info + "// by go\n")
	if !strings.Contains(made, "library") {
		t.Errorf("the program says that it is made of\n%s", made)
	}
	b.want("what the program is made of", info+"// directly\n", made, false)

	// The go command does not take what is built so for its own.
	recorded, env := program(says, `say.It(), "recorded"`), "CC=another"
	b.want("with other settings", recorded, "one recorded", true, env)
	b.want("as recorded", program(says, `say.It(), "directly"`), "one directly", false, env)
	b.write(filepath.Join(b.cell, source), recorded)
	if output, err := b.call([]string{env}, filepath.Join(b.goRoot, "bin", "go")); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if output, _ := exec.Command(filepath.Join(b.cell, "made")).Output(); string(output) != "one recorded\n" {
		t.Errorf("after go build the cell prints %q", output)
	}
}

// What changes is seen.
func TestChanges(t *testing.T) {
	b := newBench(t)
	b.ready()
	inner := filepath.Join(b.library, "inner", "inner.go")
	cell := program(says, `say.It()`)
	for _, c := range []struct {
		what   string
		change func()
		prints string
	}{
		{"a file of the library", func() {
			b.write(inner, "package inner\n\nvar Word = \"two\"\n")
		}, "two"},
		{"one of the same length and time", func() {
			info, err := os.Stat(inner)
			if err != nil {
				t.Fatal(err)
			}
			b.write(inner, "package inner\n\nvar Word = \"six\"\n")
			if err := os.Chtimes(inner, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}, "six"},
		{"a new file", func() {
			b.write(filepath.Join(b.library, "inner", "more.go"), "package inner\n\nfunc init() { Word = \"more\" }\n")
		}, "more"},
		{"a file that is gone", func() {
			if err := os.Remove(filepath.Join(b.library, "inner", "more.go")); err != nil {
				t.Fatal(err)
			}
		}, "six"},
		{"an embedded file in the place of a variable", func() {
			b.write(inner, "package inner\n\nimport _ \"embed\"\n\n//go:embed texts/word\nvar Word string\n")
		}, "one"},
		{"the embedded file", func() { b.write(filepath.Join(b.library, "inner", "texts", "word"), "ten") }, "ten"},
		{"the library's go.mod", func() { b.write(filepath.Join(b.library, "go.mod"), "module library\n\ngo 1.25.0\n") }, "ten"},
		{"the cell's go.mod", func() { b.write(filepath.Join(b.cell, "go.mod"), "module gonb_x\n\ngo 1.25.0\n") }, "ten"},
		{"another library", func() {
			other := filepath.Join(filepath.Dir(b.library), "second")
			if err := os.CopyFS(other, os.DirFS(b.library)); err != nil {
				t.Fatal(err)
			}
			b.write(filepath.Join(other, "inner", "texts", "word"), "second")
			b.write(filepath.Join(b.cell, "go.work"), "go 1.26.0\n\nuse (\n\t.\n\t../second\n)\n")
		}, "second"},
		{"the user's settings", func() { b.write(filepath.Join(filepath.Dir(b.cell), "env"), "GOAMD64=v1\n") }, "second"},
		{"Go's version", func() { b.write(filepath.Join(b.goRoot, "bin", "go"), b.read(filepath.Join(b.goRoot, "bin", "go"))) }, "second"},
	} {
		c.change()
		b.want(c.what, cell, c.prints, true)
		b.build(program(says, fmt.Sprintf("say.It(), %q", c.what))) // the library is compiled, and this is noted
		b.want(c.what+", again", cell, c.prints, false)
	}
	for _, env := range []string{"GOFLAGS=-buildvcs=false -tags=some", "GOEXPERIMENT=nosimd", "GOARCH=" + runtime.GOARCH, "CGO_ENABLED=0", "CC=some"} {
		b.want(env, cell, "second", true, env)
	}
	b.want("nothing", cell, "second", false)
}

func (b *bench) read(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	return string(content)
}

// A library that has just been written may change once more without a sign.
func TestUnsettled(t *testing.T) {
	b := newBench(t)
	b.env = append(b.env, asProgram+"=1h")
	for i := range 3 {
		b.want("a new library", program(says, fmt.Sprint("say.It(), ", i)), fmt.Sprint("one ", i), true)
	}
}

// What the go command alone can build, and what cannot be built, is its work, and what it says is
// said.
func TestOnlyGo(t *testing.T) {
	b := newBench(t)
	b.ready()
	b.write(filepath.Join(b.cell, "word"), "here")
	b.want("an embedded file", "package main\n\nimport (\n_ \"embed\"\n\"fmt\"\n\"library/say\"\n)\n\n//go:embed word\nvar word string\n\nfunc main() { fmt.Println(say.It(), word) }\n", "one here", true)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	goCommand := filepath.Join(b.goRoot, "bin", "go")
	for _, cell := range []string{
		program(says, `say.It(), undefined`),
		program(says, `say.Nothing()`),
		program(says+"\n\"os\"", `say.It()`),
		program(says, `say.It(`),
		program(says+"\n\"library/internal\"", `say.It(), internal.Word`),
		program(says+"\n\"internal/abi\"", `say.It(), abi.FuncPCABI0(nil)`),
		program(says+"\n\"no/such/package\"", `say.It(), package.Word`),
		program(says, `say.It()`) + "\nfunc init()\n",
		"",
	} {
		b.write(filepath.Join(b.cell, source), cell)
		want, wantErr := b.call(nil, goCommand)
		got, err := b.call(nil, self, goCommand)
		if wantErr == nil || err == nil || got != want || err.Error() != wantErr.Error() {
			t.Errorf("%s\n%v, printed\n%s\nwant as go build\n%v\n%s", cell, err, got, wantErr, want)
		}
	}
	b.write(filepath.Join(b.cell, "more.go"), "package main\n\nfunc init() { println(\"more\") }\n")
	if printed, byGo := b.build(program(says, `say.It()`)); !byGo || !strings.Contains(printed, "more") {
		t.Errorf("with a second file the cell prints %q, built by the go command: %v", printed, byGo)
	}
	entries, err := os.ReadDir(filepath.Join(b.cell, "gopherlens-build"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			t.Errorf("%s was left behind", entry.Name())
		} else if strings.Contains(b.read(filepath.Join(b.cell, "gopherlens-build", entry.Name())), "hidden") {
			t.Errorf("%s has a secret of the environment", entry.Name())
		}
	}
}
