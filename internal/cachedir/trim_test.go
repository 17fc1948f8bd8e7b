package cachedir_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"gopherlens/internal/cachedir"
)

// TestTrim holds that what was used least recently goes, no more than it must, and never what
// another process is writing.
func TestTrim(t *testing.T) {
	for _, test := range []struct {
		most, down int64
		stay       []string
		fails      bool
	}{
		{400, 0, []string{".w.gopherlens-1", "a", "b", "c"}, false},
		{399, 399, []string{".w.gopherlens-1", "b", "c"}, false},
		{399, 250, []string{".w.gopherlens-1", "c"}, false},
		{100, 0, []string{".w.gopherlens-1"}, false},
		{99, 0, []string{".w.gopherlens-1"}, true},
	} {
		dir := t.TempDir()
		for i, name := range []string{".w.gopherlens-1", "a", "b", "c"} {
			path := filepath.Join(dir, name)
			at := time.Now().Add(time.Duration(i-10) * time.Minute)
			if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		writing, err := os.Open(filepath.Join(dir, ".w.gopherlens-1"))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Flock(int(writing.Fd()), syscall.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		total, err := cachedir.Trim(dir, test.most, test.down)
		writing.Close()
		if (err != nil) != test.fails || total != int64(100*len(test.stay)) {
			t.Errorf("at most %d: %d bytes, %v", test.most, total, err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != len(test.stay) {
			t.Fatalf("at most %d: %d files are left, %v", test.most, len(left), err)
		}
		for i, e := range left {
			if e.Name() != test.stay[i] {
				t.Errorf("at most %d: %s is left, want %s", test.most, e.Name(), test.stay[i])
			}
		}
	}
	if _, err := cachedir.Trim(filepath.Join(t.TempDir(), "none"), 1, 1); err == nil {
		t.Error("a folder that is not there was trimmed")
	}
}
