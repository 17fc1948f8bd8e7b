package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoShim builds cells through the kernel's go command: the second has lost a variable that was
// declared together with another one.
func TestGoShim(t *testing.T) {
	g, err := findGo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	shim := filepath.Join(dir, "go")
	if err := os.WriteFile(shim, []byte(g.shim()), 0o755); err != nil {
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

// A cell is built with the tag of cells, unless it computes by itself or its user has tags.
func TestGoShimTag(t *testing.T) {
	g, err := findGo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	shim := filepath.Join(dir, "go")
	for path, content := range map[string]string{
		shim:                           g.shim(),
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
