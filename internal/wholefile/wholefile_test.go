package wholefile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gopherlens/internal/wholefile"
)

var errFill = errors.New("no more")

// names are what a folder holds.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %.40q, %v; want %.40q", path, got, err, want)
	}
}

// A file is replaced when the new one is complete, and stays as it was when that fails.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	for _, text := range []string{"one", "another", ""} {
		if err := wholefile.WriteBytes(path, 0o644, []byte(text)); err != nil {
			t.Fatal(err)
		}
		holds(t, path, text)
	}
	if err := wholefile.WriteSoon(path, 0o644, []byte("soon")); err != nil {
		t.Fatal(err)
	}
	err := wholefile.Write(path, 0o644, func(w io.Writer) error {
		w.Write(make([]byte, 3<<20))
		holds(t, path, "soon")
		return errFill
	})
	if !errors.Is(err, errFill) {
		t.Errorf("a writer that failed: %v", err)
	}
	holds(t, path, "soon")
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("the folder holds %q", got)
	}
	for _, nowhere := range []string{filepath.Join(dir, "none", "a.txt"), filepath.Join(path, "a.txt")} {
		if err := wholefile.WriteBytes(nowhere, 0o644, nil); err == nil {
			t.Errorf("%s was written", nowhere)
		}
	}
}

// The longest name that a file system allows can be written, however its letters fall.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{strings.Repeat("a", 255), "x" + strings.Repeat("é", 127)} {
		if err := wholefile.WriteBytes(filepath.Join(dir, name), 0o644, nil); err != nil {
			t.Error(err)
		}
	}
	t.Chdir(dir)
	if err := wholefile.WriteBytes("here", 0o644, []byte("here")); err != nil {
		t.Error(err)
	}
	holds(t, filepath.Join(dir, "here"), "here")
}

// Files and folders have the mode that was asked for, less the umask.
func TestModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "file"), filepath.Join(dir, "folder")
	if err := wholefile.WriteBytes(file, 0o755, nil); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.WriteFolder(folder, 0o777, func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// A folder is replaced as a whole, and stays as it was when that fails.
func TestWriteFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	fill := func(text string, err error) func(string) error {
		return func(folder string) error {
			inner := filepath.Join(folder, "inner")
			return errors.Join(os.Mkdir(inner, 0o755), os.WriteFile(filepath.Join(inner, text), []byte(text), 0o644), err)
		}
	}
	if err := os.Mkdir(path, 0o755); err != nil { // an empty folder
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := wholefile.WriteFolder(path+"/", 0o755, fill(text, nil)); err != nil {
			t.Fatal(err)
		}
		if got := names(t, filepath.Join(path, "inner")); len(got) != 1 || got[0] != text {
			t.Errorf("the folder holds %q, want %q", got, text)
		}
	}
	if err := wholefile.WriteFolder(path, 0o755, fill("three", errFill)); !errors.Is(err, errFill) {
		t.Errorf("a writer that failed: %v", err)
	}
	holds(t, filepath.Join(path, "inner", "two"), "two")
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("%q are left", got)
	}
}

// stuckEnv makes a run of the tests a process that writes at a path until it is killed.
const stuckEnv = "GOPHERLENS_TEST_STUCK"

// stuck begins to write and never ends.
func stuck(path string) {
	wait := func() error {
		fmt.Println("writing")
		io.ReadAll(os.Stdin)
		return errFill
	}
	if strings.HasSuffix(path, "folder") {
		wholefile.WriteFolder(path, 0o755, func(folder string) error {
			os.WriteFile(filepath.Join(folder, "part"), nil, 0o644)
			return wait()
		})
		return
	}
	wholefile.Write(path, 0o644, func(w io.Writer) error {
		w.Write([]byte("part"))
		return wait()
	})
}

// What a process is writing stays, and what one that was killed wrote is removed by the next write.
func TestKilled(t *testing.T) {
	if path := os.Getenv(stuckEnv); path != "" {
		stuck(path)
		return
	}
	for _, name := range []string{"file", "folder"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
			child.Env = append(os.Environ(), stuckEnv+"="+filepath.Join(dir, name))
			in, err := child.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			if line := make([]byte, len("writing")); true {
				if _, err := io.ReadFull(out, line); err != nil || string(line) != "writing" {
					t.Fatalf("%q, %v", line, err)
				}
			}
			count := func(want int, when string) {
				t.Helper()
				hidden := 0
				for _, n := range names(t, dir) {
					if wholefile.IsHidden(n) {
						hidden++
					}
				}
				if hidden != want {
					t.Errorf("%s: %q, want %d hidden", when, names(t, dir), want)
				}
			}
			other := filepath.Join(dir, "other")
			if err := wholefile.WriteBytes(other, 0o644, nil); err != nil {
				t.Fatal(err)
			}
			count(1, "while it is written")
			child.Process.Kill()
			child.Wait()
			count(1, "killed")
			if err := wholefile.WriteBytes(other, 0o644, nil); err != nil {
				t.Fatal(err)
			}
			count(0, "swept")
		})
	}
}

// A sweep takes nothing that this package has not written.
func TestSweepLeavesOthers(t *testing.T) {
	dir := t.TempDir()
	others := []string{".a.gopherlens-1.before", ".a.gopherlens-", "a.gopherlens-1", ".gopherlens-x1", ".a.new-1", "plain"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	left := filepath.Join(dir, ".a.gopherlens-2")
	if err := os.Mkdir(left, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, ".link.gopherlens-3")); err != nil {
		t.Fatal(err)
	}
	wholefile.Sweep(dir)
	if got := names(t, dir); len(got) != len(others)+1 {
		t.Errorf("%q are left", got)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Error("an abandoned folder stayed")
	}
	wholefile.Sweep(filepath.Join(dir, "none"))
}

// Many writers of one place, each of which sweeps: every write succeeds, and what is there is
// always one of them, whole.
func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "file"), filepath.Join(dir, "folder")
	var wg sync.WaitGroup
	for i := range 8 {
		content := bytes.Repeat([]byte{byte('a' + i)}, 10_000)
		wg.Go(func() {
			for range 50 {
				if err := wholefile.WriteSoon(path, 0o644, content); err != nil {
					t.Error(err)
				}
				got, err := os.ReadFile(path)
				if err != nil || len(got) != len(content) || len(bytes.Trim(got, string(got[:1]))) > 0 {
					t.Errorf("a part of a file, or two mixed: %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 20 {
			err := wholefile.WriteFolder(folder, 0o755, func(temp string) error {
				return os.WriteFile(filepath.Join(temp, fmt.Sprint(i)), nil, 0o644)
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("%q are left", got)
	}
}
