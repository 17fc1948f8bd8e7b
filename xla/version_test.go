//go:build cgo

package xla

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/internal/backend"
)

func TestPluginVersion(t *testing.T) {
	plugin, ok := backend.FindPlugin()
	if !ok {
		t.Skip("no PJRT plugin is installed: run `make setup`")
	}
	has, err := PluginVersion(plugin.Path)
	if err != nil || has.Major != 0 || has.Minor < Built.Minor {
		t.Errorf("%s speaks %v, %v", plugin.Path, has, err)
	}
	// A program built for a later version says so, before anything is called.
	defer func(old Version) { Built = old }(Built)
	for _, built := range []Version{{has.Major + 1, 0}, {has.Major, has.Minor + 1}} {
		Built = built
		_, err := PluginVersion(plugin.Path)
		if err == nil || !strings.Contains(err.Error(), has.String()) || !strings.Contains(err.Error(), built.String()) {
			t.Errorf("built for %v: error %v, want one that names both versions", built, err)
		}
		if _, err := open(plugin.Path); err == nil {
			t.Errorf("built for %v: the plugin was opened", built)
		}
	}
}

func TestNoPlugin(t *testing.T) {
	text := filepath.Join(t.TempDir(), "pjrt_c_api_cuda_plugin.so")
	if err := os.WriteFile(text, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, "/nowhere/plugin.so", ""} {
		if _, err := PluginVersion(path); err == nil || !strings.Contains(err.Error(), "no PJRT plugin") {
			t.Errorf("%q: error %v", path, err)
		}
	}
}

func TestInFloat32(t *testing.T) {
	for config, want := range map[string]string{
		"/p/cuda.so":                     "/p/cuda.so,tf32=false",
		"cuda,preallocate=true":          "cuda,preallocate=true,tf32=false",
		"/p/cuda.so,tf32":                "/p/cuda.so,tf32",
		"/p/cuda.so,tf32=true,allocator": "/p/cuda.so,tf32=true,allocator",
	} {
		if got := inFloat32(config); got != want {
			t.Errorf("%q becomes %q, want %q", config, got, want)
		}
	}
}
