package cachedir_test

import (
	"os"
	"path/filepath"
	"testing"

	"gopherlens/internal/cachedir"
)

func TestRoot(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(cachedir.Variable, dir)
	if got, err := cachedir.Root(); err != nil || got != dir {
		t.Errorf("with the variable: got %q, %v; want %q", got, err, dir)
	}
	t.Setenv(cachedir.Variable, "")
	user, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cachedir.Root(); err != nil || got != filepath.Join(user, "gopherlens") {
		t.Errorf("without: got %q, %v", got, err)
	}
}

func TestRootWithoutHome(t *testing.T) {
	for _, v := range []string{cachedir.Variable, "HOME", "XDG_CACHE_HOME"} {
		t.Setenv(v, "")
	}
	if got, err := cachedir.Root(); err == nil {
		t.Errorf("got %q, want an error that names %s", got, cachedir.Variable)
	}
}

func TestJoin(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(cachedir.Variable, dir)
	got, err := cachedir.Join("models", "a.gguf")
	if want := filepath.Join(dir, "models", "a.gguf"); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if got, err := cachedir.Join(); err != nil || got != dir {
		t.Errorf("no elements: got %q, %v; want %q", got, err, dir)
	}
	if got, err := cachedir.Join("..", "elsewhere"); err == nil {
		t.Errorf("got %q for a path outside, want an error", got)
	}
}

// TestGigabytes holds that what is no number of gigabytes is refused, and what is none given is the
// default.
func TestGigabytes(t *testing.T) {
	const variable = "GOPHERLENS_TEST_GB"
	for text, want := range map[string]float64{"": 7, "0": 0, "2.5": 2.5} {
		t.Setenv(variable, text)
		if got, err := cachedir.Gigabytes(variable, 7); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"much", "-1", "NaN", "Inf", "1e9", "2 GB"} {
		t.Setenv(variable, text)
		if got, err := cachedir.Gigabytes(variable, 7); err == nil {
			t.Errorf("%q gave %v", text, got)
		}
	}
}
