package wire_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopherlens/resident/internal/wire"
)

// goTool runs the go command in a folder.
func goTool(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func buildID(t testing.TB, path string) string {
	t.Helper()
	id, err := wire.BuildID(path)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A build is known by what it was made of, not by when: "make" runs "go build -o" with
// every target, which renews the file's time.
func TestBuildID(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module x\n")
	source, bin := filepath.Join(dir, "main.go"), filepath.Join(dir, "x")
	write(t, source, "package main\n\nfunc main() { println(1) }\n")
	goTool(t, dir, "build", "-o", bin)
	first := buildID(t, bin)
	if want := goTool(t, dir, "tool", "buildid", bin); first != want {
		t.Errorf("the id is %q, and go tool buildid says %q", first, want)
	}
	info, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	now := time.Now()
	if err := os.Chtimes(source, now, now); err != nil {
		t.Fatal(err)
	}
	goTool(t, dir, "build", "-o", bin)
	if again, err := os.Stat(bin); err != nil || again.ModTime().Equal(info.ModTime()) {
		t.Logf("go build has left the file's time as it was (%v): the test proves less", err)
	}
	if got := buildID(t, bin); got != first {
		t.Errorf("built again from the same sources, the id is %q, not %q", got, first)
	}
	write(t, source, "package main\n\nfunc main() { println(2) }\n") // of the same size
	goTool(t, dir, "build", "-o", bin)
	if got := buildID(t, bin); got == first {
		t.Error("built from other sources, the id is the same")
	}
	bare := map[string]string{}
	for _, content := range []string{"1", "2"} {
		write(t, source, "package main\n\nfunc main() { println("+content+") }\n")
		goTool(t, dir, "build", "-ldflags=-buildid=", "-o", bin)
		bare[buildID(t, bin)] = content
	}
	if len(bare) != 2 {
		t.Errorf("two programs without an id are told apart by %v", bare)
	}
}

// The running program's id is that of its file.
func TestOwnBuildID(t *testing.T) {
	own, err := wire.OwnBuildID()
	if err != nil || own != buildID(t, os.Args[0]) {
		t.Errorf("%q, %v; want %q", own, err, buildID(t, os.Args[0]))
	}
}

// Every cell of a notebook asks: it must take far less than a millisecond.
func BenchmarkBuildID(b *testing.B) {
	for b.Loop() {
		buildID(b, os.Args[0])
	}
}
