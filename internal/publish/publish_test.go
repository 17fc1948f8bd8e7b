package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRename gives a copy of the checkout another path, as whoever publishes it does. Every import
// is found there, and what is not slow to build builds; scripts/check-module does the rest.
func TestRename(t *testing.T) {
	if testing.Short() {
		t.Skip("copies the checkout")
	}
	const path = "example.com/x/gopherlens"
	dir := t.TempDir()
	in := func(folder, name string, args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), name, args...)
		command.Dir = folder
		command.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	if exec.Command("git", "-C", "../..", "rev-parse").Run() != nil {
		t.Skip("no git checkout")
	}
	copied := 0
	for _, name := range strings.Split(in("../..", "git", "ls-files", "-z"), "\x00") {
		if name == "" || strings.HasSuffix(name, ".safetensors") { // large, and no text
			continue
		}
		content, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			continue // removed, and not yet committed
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(name, "scripts/") {
			mode = 0o755
		}
		if err := os.WriteFile(to, content, mode); err != nil {
			t.Fatal(err)
		}
		copied++
	}
	in(dir, "git", "init", "-q")
	in(dir, "git", "add", "-A")
	in(dir, "scripts/rename-module", path)

	if got := in(dir, "go", "list", "-m"); strings.TrimSpace(got) != path {
		t.Errorf("the module's path is %q", got)
	}
	for _, p := range strings.Fields(in(dir, "go", "list", "-deps", "-test", "./...")) {
		if strings.HasPrefix(p, "gopherlens/") {
			t.Errorf("%s is still imported", p)
		}
	}
	in(dir, "go", "build", "./internal/docs", "./internal/version", "./tokenize")
	if left := in(dir, "gofmt", "-l", "."); left != "" {
		t.Errorf("gofmt would change %s", left)
	}

	// The old path is nowhere: not in notebooks, pages or Go code in strings.
	old := regexp.MustCompile(`(?m)(^|[^\w./~-])gopherlens/(hooked|internal|plots|resident|tokenize|xla|notebooks/(arena|models))\b`)
	for _, name := range strings.Split(in(dir, "git", "ls-files", "-z"), "\x00") {
		ext := filepath.Ext(name)
		if ext != ".go" && ext != ".ipynb" && ext != ".md" || strings.HasPrefix(name, "internal/publish/") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if m := old.Find(content); m != nil {
			t.Errorf("%s still has %q", name, m)
		}
	}
	for name, want := range map[string]string{
		"README.md": "\"" + path + "/hooked\"", "notebooks/cookbook.ipynb": `\"` + path + `/hooked\"`,
		"hooked/run_guard.go": path + "/hooked.named", "internal/setup/repo.go": "module " + path,
	} {
		if content, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s does not have %s: %v", name, want, err)
		}
	}
	if copied < 1000 {
		t.Errorf("only %d files were copied", copied)
	}
}
