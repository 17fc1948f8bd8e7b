package backend_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	_ "gopherlens/internal/purego"

	"gopherlens/internal/backend"
	"gopherlens/internal/cachedir"
)

// errFake is what the stand-ins for XLA and the resident client answer: these
// tests are about the choice, and opening the real ones is other packages' work.
var errFake = errors.New("a stand-in does not start")

func TestMain(m *testing.M) {
	fake := func(string) (compute.Backend, error) { return nil, errFake }
	compute.Register("xla", fake)
	compute.Register("resident", fake)
	os.Exit(m.Run())
}

// isolate empties every place that a plugin or a setting could come from and
// returns the folder in which the cache and a home folder are.
func isolate(t *testing.T) string {
	dir := t.TempDir()
	for name, value := range map[string]string{
		"HOME":                     filepath.Join(dir, "home"),
		cachedir.Variable:          filepath.Join(dir, "cache"),
		"GOMLX_BACKEND":            "",
		"PJRT_PLUGIN_LIBRARY_PATH": "",
		"GONB_PIPE":                "",
		backend.ResidentEnv:        "",
	} {
		t.Setenv(name, value)
	}
	t.Cleanup(backend.SetSystemDir(filepath.Join(dir, "system")))
	return dir
}

// plugin creates an empty plugin file below dir.
func plugin(t *testing.T, elem ...string) string {
	path := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestChoose(t *testing.T) {
	const own = "cache/pjrt/" + backend.PluginFile
	const named = "home/.local/lib/go-xla/pjrt_c_api_cpu_v0.83.1_plugin.so"
	tests := []struct {
		name    string
		files   []string          // plugin files, relative to the test's folder
		env     map[string]string // DIR stands for that folder
		want    string            // the configuration
		wantWhy string
	}{
		{"no plugin", nil, nil, "go:ops_sequential", "gopherlens setup"},
		{"plugin in the cache", []string{own}, nil, "xla:DIR/" + own, "plugin found"},
		{"the cache comes first", []string{named, own}, nil, "xla:DIR/" + own, "plugin found"},
		{"go-xla's folder", []string{named}, nil, "xla:DIR/" + named, "plugin found"},
		{"the system's folder", []string{"system/pjrt_c_api_cpu_plugin.so"}, nil, "xla:DIR/system/pjrt_c_api_cpu_plugin.so", "plugin found"},
		{"the user's list", []string{"b/pjrt_c_api_cpu_plugin.so"},
			map[string]string{"PJRT_PLUGIN_LIBRARY_PATH": "DIR/a:DIR/b"}, "xla:DIR/b/pjrt_c_api_cpu_plugin.so", "plugin found"},
		{"asked for go", []string{own}, map[string]string{"GOMLX_BACKEND": "go"}, "go:ops_sequential", "GOMLX_BACKEND is set"},
		{"go with options", nil, map[string]string{"GOMLX_BACKEND": "go:parallelism=1"}, "go:parallelism=1,ops_sequential", "GOMLX_BACKEND"},
		{"go as asked for", nil, map[string]string{"GOMLX_BACKEND": "go:ops_parallel"}, "go:ops_parallel", "GOMLX_BACKEND"},
		{"options stay", []string{own}, map[string]string{"GOMLX_BACKEND": "xla:cpu,tf32=false"}, "xla:DIR/" + own + ",tf32=false", "GOMLX_BACKEND"},
		{"asked for xla only", []string{own}, map[string]string{"GOMLX_BACKEND": "xla"}, "xla:DIR/" + own, "GOMLX_BACKEND"},
		{"asked for a file", []string{own}, map[string]string{"GOMLX_BACKEND": "xla:DIR/" + own}, "xla:DIR/" + own, "GOMLX_BACKEND"},
		{"notebook", []string{own}, map[string]string{"GONB_PIPE": "p"}, "resident:xla:DIR/" + own, "resident worker"},
		{"notebook without plugin", nil, map[string]string{"GONB_PIPE": "p"}, "resident:go:ops_sequential", "resident worker"},
		{"notebook, resident off", nil, map[string]string{"GONB_PIPE": "p", "GOPHERLENS_RESIDENT": "off"}, "go:ops_sequential", ""},
		{"notebook, asked for resident", nil, map[string]string{"GONB_PIPE": "p", "GOMLX_BACKEND": "resident:go"}, "resident:go:ops_sequential", "GOMLX_BACKEND"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := isolate(t)
			for _, file := range test.files {
				plugin(t, dir, file)
			}
			for name, value := range test.env {
				t.Setenv(name, strings.ReplaceAll(value, "DIR", dir))
			}
			got, err := backend.Choose()
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.ReplaceAll(test.want, "DIR", dir); got.Config != want {
				t.Errorf("Config = %q, want %q", got.Config, want)
			}
			if !strings.Contains(got.Why, test.wantWhy) {
				t.Errorf("Why = %q, want it to hold %q", got.Why, test.wantWhy)
			}
		})
	}
}

// A wrong value of the variable that does without the worker is refused outside a notebook, too.
func TestChooseRefusesSwitch(t *testing.T) {
	for _, notebook := range []string{"", "p"} {
		isolate(t)
		t.Setenv("GONB_PIPE", notebook)
		t.Setenv(backend.ResidentEnv, "OFF")
		if _, err := backend.Choose(); err == nil || !strings.Contains(err.Error(), `GOPHERLENS_RESIDENT="OFF": off does without the resident worker`) {
			t.Errorf("error %v", err)
		}
	}
}

func TestChooseRefuses(t *testing.T) {
	tests := []struct {
		name, config string
		want         []string // what the error must name
	}{
		{"unknown backend", "tpu", []string{`"tpu"`, "go, resident, xla"}},
		{"missing file", "xla:/nowhere/plugin.so", []string{"/nowhere/plugin.so", "gopherlens setup"}},
		{"a folder", "xla:/tmp", []string{"/tmp", "gopherlens setup"}},
		{"no plugin at all", "xla", []string{"no PJRT plugin", "GOMLX_BACKEND=go"}},
		{"no such device", "xla:tpu", []string{`"tpu"`, "gopherlens setup"}},
		{"a card without its plugin", "xla:cuda", []string{`"cuda"`, "gopherlens setup --plugin cuda13"}},
		{"relative path", "xla:../plugin.so", []string{"absolute path"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			isolate(t)
			t.Setenv("GOMLX_BACKEND", test.config)
			_, err := backend.Choose()
			if err == nil {
				t.Fatalf("GOMLX_BACKEND=%s was accepted", test.config)
			}
			for _, want := range append(test.want, test.config) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %q", err, want)
				}
			}
		})
	}
}

// A plugin that is a dangling link, as an interrupted upgrade leaves it, is no plugin.
func TestFindPluginSkipsDanglingLinks(t *testing.T) {
	dir := isolate(t)
	if err := os.MkdirAll(filepath.Join(dir, "cache", "pjrt"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("gone.so", filepath.Join(dir, "cache", "pjrt", backend.PluginFile)); err != nil {
		t.Fatal(err)
	}
	if got, found := backend.FindPlugin(); found {
		t.Errorf("FindPlugin = %v, want none", got)
	}
}

// New keeps no failure and shares what it opened.
func TestNew(t *testing.T) {
	dir := isolate(t)
	file := plugin(t, dir, "cache", "pjrt", backend.PluginFile)
	if _, _, err := backend.New(); !errors.Is(err, errFake) || !strings.Contains(err.Error(), file) {
		t.Fatalf("New with a stand-in: error %v, want one that wraps %q and names %s", err, errFake, file)
	}
	t.Setenv("GOMLX_BACKEND", "go")
	first, choice, err := backend.New()
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := backend.New()
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Error("New opened a second backend")
	}
	if choice.Config != backend.PureGo || choice.Name() != "go" {
		t.Errorf("Choice = %+v, want go", choice)
	}
}
