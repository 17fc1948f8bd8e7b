package setup_test

import (
	"bytes"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/progress"
	"gopherlens/internal/setup"
)

// Every row of the table says what set-up needs: where the library lies, its checksums, what else
// must be there; and names a list of packages that exists.
func TestPluginTable(t *testing.T) {
	sum := regexp.MustCompile(`^[0-9a-f]{64}$`)
	seen := map[string]bool{}
	for _, p := range setup.Plugins {
		row := p.Name + " for " + p.Platform
		if seen[row] {
			t.Errorf("two rows for %s", row)
		}
		seen[row] = true
		l := p.Library
		if !sum.MatchString(l.WheelSHA256) || !sum.MatchString(l.SHA256) || l.Size <= 0 || l.Package == "" || l.Version == "" || l.Member == "" {
			t.Errorf("%s is not pinned: %+v", row, l)
		}
		if p.Everywhere == (p.Needs != "") {
			t.Errorf("%s computes everywhere: %v, and needs %q", row, p.Everywhere, p.Needs)
		}
		suffix := "_plugin.so"
		if strings.HasPrefix(p.Platform, "darwin/") {
			suffix = "_plugin.dylib"
		}
		if name := l.Target[len(l.Target)-1]; !strings.HasPrefix(name, "pjrt_c_api_") || !strings.HasSuffix(name, suffix) {
			t.Errorf("%s: package backend does not find %s", row, name)
		}
		if p.Packages == "" {
			continue
		}
		if _, err := setup.PackageList(p.Packages); err != nil {
			t.Errorf("%s: %v", row, err)
		}
	}
}

// states are those of set-up's steps for plugins on a platform, by name.
func pluginStates(t *testing.T, platform string, s *setup.Setup) map[string]setup.State {
	t.Helper()
	t.Cleanup(setup.OnPlatform(platform))
	t.Setenv(cachedir.Variable, t.TempDir())
	states := map[string]setup.State{}
	for _, state := range s.States(t.Context()) {
		if name, ok := strings.CutPrefix(state.Name, "XLA's plugin for "); ok {
			states[name] = state
		}
	}
	return states
}

// On an Apple machine set-up leaves XLA out and says what computes instead; no platform makes it
// fail.
func TestPluginsElsewhere(t *testing.T) {
	repo, err := setup.FindRepo()
	if err != nil {
		t.Fatal(err)
	}
	s := &setup.Setup{Repo: repo, Status: progress.New(new(bytes.Buffer)), XLA: true}
	for _, platform := range []string{"darwin/arm64", "darwin/amd64", "linux/arm64", "freebsd/riscv64"} {
		states := pluginStates(t, platform, s)
		for name, state := range states {
			if state.Skipped == "" || state.Err != nil || state.Done {
				t.Errorf("%s: the plugin for %s is not skipped: %+v", platform, name, state)
			}
		}
		if why := states["the CPU"].Skipped; !strings.Contains(why, "pure Go backend") || !strings.Contains(why, platform) {
			t.Errorf("%s: %q does not say what computes", platform, why)
		}
	}
	mac := pluginStates(t, "darwin/arm64", s)["Apple's GPUs"]
	if !mac.Untried || !strings.Contains(mac.Skipped, "setup --plugin metal") {
		t.Errorf("the plugin for Apple's GPUs is %+v", mac)
	}
	s.Plugins = []string{"metal"}
	if mac = pluginStates(t, "darwin/arm64", s)["Apple's GPUs"]; mac.Skipped != "" || filepath.Ext(mac.Where) != ".dylib" {
		t.Errorf("asked for, it is %+v", mac)
	}
}

func TestCheckPlugins(t *testing.T) {
	t.Cleanup(setup.OnPlatform("linux/amd64"))
	if err := setup.CheckPlugins([]string{"cpu", "cuda13", "rocm"}); err != nil {
		t.Error(err)
	}
	for asked, want := range map[string]string{
		"tpu":           "cpu, cuda13, cuda12, rocm, metal",
		"":              `plugin ""`,
		"metal":         "darwin/arm64, not for linux/amd64",
		"cuda12,cuda13": "one place",
	} {
		if err := setup.CheckPlugins(strings.Split(asked, ",")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("plugins %q: error %v, want one that says %q", asked, err, want)
		}
	}
	if names := setup.PluginNames(); !slices.Contains(names, "cuda12") || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("names are %q", names)
	}
}
