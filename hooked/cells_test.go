package hooked_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/cachedir"
	"gopherlens/resident"
)

// A notebook runs cells as GoNB does: each is a program of its own, made of what was declared so
// far and of the cell's code, in the kernel's folder.
type notebook struct {
	t     *testing.T
	dir   string
	decls []string
	built string // the source of the program that is there
	tags  string // with which it is built
}

// newNotebook has a worker of its own, which computes in pure Go, and a cache folder of its own.
func newNotebook(t *testing.T) *notebook {
	if testing.Short() {
		t.Skip("builds a program for each cell")
	}
	dir, err := os.MkdirTemp("", "cells") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"GONB_TMP_DIR": dir, "GONB_PIPE": filepath.Join(dir, "pipe"), "GOMLX_BACKEND": "go",
		cachedir.Variable: filepath.Join(dir, "cache"), resident.DirEnv: dir, resident.BinEnv: exe,
	} {
		t.Setenv(name, value)
	}
	t.Cleanup(func() {
		resident.Stop()
		os.RemoveAll(dir)
	})
	return &notebook{t: t, dir: dir}
}

// declare puts declarations in the place of those of the same names.
func (n *notebook) declare(name, text string) {
	for i, d := range n.decls {
		if strings.HasPrefix(d, "//"+name+"\n") {
			n.decls[i] = "//" + name + "\n" + text
			return
		}
	}
	n.decls = append(n.decls, "//"+name+"\n"+text)
}

// run runs a cell with this code below %% and returns what it printed; failed if it did not end
// well.
func (n *notebook) run(code string) (output string, failed bool) {
	n.t.Helper()
	source := "package main\n\nimport (\n\t\"fmt\"\n\t\"flag\"\n\t\"github.com/gomlx/compute\"\n\t\"gopherlens/hooked\"\n)\n\n" +
		"var _, _, _ = fmt.Print, compute.List, hooked.ResidPre\n\n" +
		strings.Join(n.decls, "\n\n") + "\n\nfunc main() {\n\tflag.Parse()\n" + code + "\n}\n"
	path, program := filepath.Join(n.dir, "main.go"), filepath.Join(n.dir, "cell")
	if source != n.built {
		if err := os.WriteFile(path, []byte(source), 0o644); err != nil {
			n.t.Fatal(err)
		}
		if out, err := exec.Command("go", "build", "-ldflags=-w", "-tags="+n.tags, "-o", program, path).CombinedOutput(); err != nil {
			n.t.Fatalf("%v\n%s\n%s", err, out, source)
		}
		n.built = source
	}
	cmd := exec.Command(program)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.t.Fatal(err)
	}
	return out.String(), err != nil
}

// want runs a cell that must print this.
func (n *notebook) want(code, want string) {
	n.t.Helper()
	if out, failed := n.run(code); failed || out != want {
		n.t.Errorf("the cell\n%s\nprinted\n%s\nwant\n%s", code, out, want)
	}
}

// fails runs a cell that must fail with a message that matches.
func (n *notebook) fails(code string, patterns ...string) {
	n.t.Helper()
	out, failed := n.run(code)
	for _, pattern := range patterns {
		if !failed || !regexp.MustCompile(pattern).MatchString(out) {
			n.t.Errorf("the cell\n%s\nfailed: %t, and printed\n%s\nwant a failure with %q", code, failed, out, pattern)
		}
	}
}

// gpt2 is a model of a few weights, by its path: cells run elsewhere.
func gpt2(t *testing.T) string {
	path, err := filepath.Abs("testdata/arch/gpt2")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%q", path)
}

// TestOneBackend asks GoMLX itself for a backend, in a cell and in a program: it is the one of the
// models, whatever the variable says.
func TestOneBackend(t *testing.T) {
	n := newNotebook(t)
	n.declare("model", "var model = hooked.Must(hooked.FromPretrained("+gpt2(t)+", hooked.NoProcessing))")
	const code = `
	b := hooked.Must(hooked.Backend())
	fmt.Println(b.Name(), compute.MustNew() == b, hooked.Must(compute.New()) == b)
	fmt.Println(hooked.Must(model.Run(hooked.Tokens{{1, 2}})).Shape())
`
	n.want(code, "resident true true\n[1 2 336]\n")
	program := filepath.Join(n.dir, "cell")
	for _, c := range []struct{ env, want string }{
		{"GOMLX_BACKEND=", "resident true true"}, // as first registered, not asked for
		{"GOMLX_BACKEND=resident:go", "resident true true"},
		{"GOMLX_BACKEND=resident", "resident true true"},
		{"GOPHERLENS_RESIDENT=off", "Go Backend true true"},
		{"GONB_PIPE=", "Go Backend true true"},
		{"GOMLX_BACKEND=tpu", `no backend "tpu"`},
		{"GOMLX_BACKEND=xla:tpu", `no PJRT plugin for "tpu"`},
	} {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), c.env)
		if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), c.want) {
			t.Errorf("%s: printed\n%s\nwant %q", c.env, out, c.want)
		}
	}
	// As the kernel builds cells they have none of their own, and compute in the worker all the
	// same.
	n.tags, n.built = "gopherlens_cell", ""
	n.want(code, "resident true true\n[1 2 336]\n")
	t.Setenv("GOPHERLENS_RESIDENT", "off")
	n.fails(code, `no backend "go" in this program; it has: resident`)
}

// TestFailedDeclaration runs a declaration that fails, as GoNB does again in every cell.
func TestFailedDeclaration(t *testing.T) {
	n := newNotebook(t)
	n.declare("m2", `var m2 = hooked.Must(hooked.FromPretrained("gpt2-smal", hooked.DefaultProcessing, hooked.LoadOptions{Offline: true}))`)
	n.fails("", `unknown model "gpt2-smal"`, `%rm m2`)
	n.fails("", `unknown model "gpt2-smal"`) // the same cell again
	const left = `m2 is left out: .*unknown model "gpt2-smal".*; correct the declaration, or forget it with %rm m2\n`
	matches := func(code, pattern string) {
		t.Helper()
		if out, failed := n.run(code); failed || !regexp.MustCompile("(?s)^"+pattern+"$").MatchString(out) {
			t.Errorf("the cell %q failed: %t, and printed\n%s\nwant %s", code, failed, out, pattern)
		}
	}
	matches(`fmt.Println("fine")`, left+"fine\n")
	n.declare("use", "func use() any { return m2 }")
	matches("", left)
	n.fails(`fmt.Println(use())`, `unknown model "gpt2-smal"`, `declaration of m2`)
	n.declare("shape", `var shape = hooked.Must(hooked.FromPretrained("none at all", hooked.NoProcessing)).Config()`)
	for range 2 { // made of what Must returns: there is nothing to go on with
		n.fails(`fmt.Println("x")`, `unknown model "none at all".*declaration of shape.*%rm shape`)
	}
	n.declare("shape", "")
	n.declare("m2", `var m2 = 3`)
	n.want(`fmt.Println(use())`, "3\n")
}

// TestTextsBetweenCells asks for tokens in cells: later ones have the answers without reading the
// tokenizer, and another text, or another tokenizer in its place, gets its own.
func TestTextsBetweenCells(t *testing.T) {
	n := newNotebook(t)
	folder := filepath.Join(n.dir, "model")
	if err := os.CopyFS(folder, os.DirFS("testdata/arch/llama")); err != nil {
		t.Fatal(err)
	}
	n.declare("model", fmt.Sprintf("var model = hooked.Must(hooked.FromPretrained(%q, hooked.NoProcessing))", folder))
	n.declare("ask", `func ask(text string) {
	tokens := hooked.Must(model.ToTokens([]string{text}))
	fmt.Println(tokens, fmt.Sprintf("%q", hooked.Must(model.ToStrTokens(text))))
}`)
	answers := map[string]string{}
	for range 3 { // loaded, attached, answered
		for _, text := range []string{"Mary and John", "caf\u00e9", ""} {
			out, failed := n.run(fmt.Sprintf("ask(%q)", text))
			if failed || answers[text] != "" && answers[text] != out {
				t.Errorf("%q: failed: %t, printed %q, at first %q", text, failed, out, answers[text])
			}
			answers[text] = out
		}
	}
	if len(answers["Mary and John"]) < 20 || answers["Mary and John"] == answers["caf\u00e9"] {
		t.Errorf("printed %q", answers)
	}
	n.want(`fmt.Println(len(hooked.Must(model.ToTokens([]string{"Mary"}))[0]) - len(hooked.Must(model.ToTokens([]string{"Mary"}, hooked.PrependBOS(false)))[0]))`, "1\n")
	// Where the tokenizer's file cannot be read and looks unchanged, what was asked is answered,
	// and nothing else is.
	path := filepath.Join(folder, "tokenizer.json")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, info.Size()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	n.want(`ask("Mary and John")`, answers["Mary and John"])
	n.fails(`ask("Mary and Bob")`, "tokenizer.json")
	if err := os.Chtimes(path, info.ModTime(), info.ModTime().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	n.fails(`ask("Mary and John")`, "tokenizer.json")
}
