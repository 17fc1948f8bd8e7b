package codecache_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gopherlens/internal/codecache"
)

// The checksum is the file's, however it changed since it was kept.
func TestChecksum(t *testing.T) {
	s := open(t)
	path := filepath.Join(t.TempDir(), "plugin.so")
	past := time.Now().Add(-time.Hour)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, past, past); err != nil { // as a package manager does
			t.Fatal(err)
		}
	}
	for _, text := range []string{"one", "two", "another length"} {
		write(text)
		for range 2 {
			id, err := codecache.Identify(path)
			if err != nil {
				t.Fatal(err)
			}
			sum, err := s.Checksum(id)
			if want := sha256.Sum256([]byte(text)); err != nil || !bytes.Equal(sum, want[:]) {
				t.Errorf("%q: got %x, %v, want %x", text, sum, err, want)
			}
		}
	}
	id, err := codecache.Identify(path)
	if err != nil {
		t.Fatal(err)
	}
	write("replaced")
	if sum, err := s.Checksum(id); err == nil {
		t.Errorf("a file that was replaced since it was opened has the checksum %x", sum)
	}
}

// A checksum is kept once the file is settled, and a damaged record is as good as none.
func TestChecksumRecord(t *testing.T) {
	s := open(t)
	path := filepath.Join(t.TempDir(), "plugin.so")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256([]byte("one"))
	check := func() {
		t.Helper()
		id, err := codecache.Identify(path)
		if err != nil {
			t.Fatal(err)
		}
		if sum, err := s.Checksum(id); err != nil || !bytes.Equal(sum, want[:]) {
			t.Errorf("got %x, %v, want %x", sum, err, want)
		}
	}
	records := func() []string {
		// the pattern is good
		found, _ := filepath.Glob(filepath.Join(os.Getenv("GOPHERLENS_CACHE"), "compiled", "sum-*"))
		return found
	}
	check()
	if len(records()) != 0 {
		t.Error("the checksum of a file that was just written was kept")
	}
	time.Sleep(2100 * time.Millisecond)
	check()
	if len(records()) != 1 {
		t.Fatalf("kept %q", records())
	}
	for _, damaged := range []string{"", "{", "null", `{"Path":1}`, `{"Sum":"AAAA"}`} {
		if err := os.WriteFile(records()[0], []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		check()
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	// as a package manager does
	if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	want = sha256.Sum256([]byte("two"))
	check()
}
