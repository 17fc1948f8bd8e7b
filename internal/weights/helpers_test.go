package weights_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"gopherlens/internal/fault"
	"gopherlens/internal/weights"
)

// The fixtures in testdata are made by testdata/make_fixtures.py and
// testdata/make_torch.py; both say with what.

func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func open(t *testing.T, path string) *weights.File {
	t.Helper()
	f, err := weights.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// openError returns the error that a bad file gives.
func openError(t *testing.T, path string) string {
	t.Helper()
	f, err := weights.Open(path)
	if err == nil {
		f.Close()
		t.Fatalf("%s was accepted", filepath.Base(path))
	}
	if !errors.Is(err, fault.ErrUnsupportedFile) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no kind says that it is about the file: %v", err)
	}
	return err.Error()
}

// everyTruncation cuts a sound file at every length below n: each must be noticed.
func everyTruncation(t *testing.T, name string, whole []byte, n int) {
	t.Helper()
	path := writeFile(t, name, whole)
	for n--; n >= 0; n-- {
		if err := os.Truncate(path, int64(n)); err != nil {
			t.Fatal(err)
		}
		openError(t, path)
	}
}

func tensor(t *testing.T, f *weights.File, name string) weights.Tensor {
	t.Helper()
	x, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func float32s(t *testing.T, x weights.Tensor) []float32 {
	t.Helper()
	v, err := x.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	return v
}
