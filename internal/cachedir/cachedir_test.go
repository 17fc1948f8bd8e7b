package cachedir_test

import (
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/internal/cachedir"
)

func TestJoin(t *testing.T) {
	home := t.TempDir()
	tests := []struct {
		name, override, xdg, want string
	}{
		{"override wins", filepath.Join(home, "own"), filepath.Join(home, "xdg"), "own/models/m.gguf"},
		{"user's cache folder", "", filepath.Join(home, "xdg"), "xdg/gopherlens/models/m.gguf"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(cachedir.Env, test.override)
			t.Setenv("XDG_CACHE_HOME", test.xdg)
			got, err := cachedir.Join("models", "m.gguf")
			if err != nil {
				t.Fatal(err)
			}
			if want := filepath.Join(home, test.want); got != want {
				t.Errorf("Join = %q, want %q", got, want)
			}
		})
	}
}

func TestRootWithoutHome(t *testing.T) {
	for _, name := range []string{cachedir.Env, "XDG_CACHE_HOME", "HOME"} {
		t.Setenv(name, "")
	}
	_, err := cachedir.Root()
	if err == nil || !strings.Contains(err.Error(), cachedir.Env) {
		t.Errorf("Root without a home folder: error %v, want one that names %s", err, cachedir.Env)
	}
}
