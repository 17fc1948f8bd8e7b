package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"gopherlens/internal/setup"
)

// A goEnv is what the go command in PATH says of itself.
type goEnv struct {
	Version string `json:"GOVERSION"`
	Root    string `json:"GOROOT"`
	CC      string `json:"CC"`
	Cgo     string `json:"CGO_ENABLED"`
}

// askGo asks the go command in PATH, in the checkout, as cells are built there. GOTOOLCHAIN keeps
// it from fetching another Go to answer with.
func askGo(ctx context.Context, s *setup.Setup) (path string, env goEnv, err error) {
	if path, err = exec.LookPath("go"); err != nil {
		return "", env, errors.New("no go command in PATH")
	}
	cmd := exec.CommandContext(ctx, path, "env", "-json", "GOVERSION", "GOROOT", "CC", "CGO_ENABLED")
	cmd.Dir = s.Repo.Root
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local")
	output, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return path, env, errors.New(firstLine(string(exit.Stderr)))
	}
	if err != nil {
		return path, env, err
	}
	return path, env, json.Unmarshal(output, &env)
}

// ownVersion is the Go that this program was built with, without its experiments.
func ownVersion() string {
	own, _, _ := strings.Cut(runtime.Version(), " ")
	return own
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// checkGo tries the go command, which compiles every cell.
func checkGo(ctx context.Context, s *setup.Setup) []finding {
	wanted, err := s.Repo.GoVersion()
	if err != nil {
		wanted = "go1.26"
	}
	f := finding{Name: "Go", Needed: true}
	install := fmt.Sprintf("install Go %s or newer and put its bin folder into PATH", strings.TrimPrefix(wanted, "go"))
	path, env, err := askGo(ctx, s)
	switch {
	case err != nil:
		f.Detail, f.Mend = strings.TrimSpace(path+" "+err.Error()), install
		return []finding{f}
	case version.Compare(env.Version, wanted) < 0:
		f.Detail, f.Mend = fmt.Sprintf("%s is %s", path, env.Version), install
		return []finding{f}
	}
	f.Detail = env.Version + ", " + path
	if env.Version != ownVersion() {
		f.Detail += "; this program was built with " + ownVersion()
	}
	if !strings.Contains(runtime.Version(), "simd") {
		f.Mend = "build gopherlens with GOEXPERIMENT=simd, as make does: the pure Go backend is ten times slower without"
		f.Needed = false
	}
	return []finding{f}
}

// tinyProgram is what the C compiler is tried with.
const tinyProgram = "#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n"

// checkCompiler compiles and runs a tiny C program, as XLA's part of gopherlens needs it.
func checkCompiler(ctx context.Context, s *setup.Setup) []finding {
	f := finding{Name: "C compiler"}
	_, env, err := askGo(ctx, s)
	if err != nil {
		return nil // checkGo has told
	}
	f.Detail = env.CC
	if env.Cgo == "0" {
		f.Detail = "not used: CGO_ENABLED is 0"
	} else if err := tryCompiler(ctx, env.CC); err != nil {
		f.Detail = fmt.Sprintf("%s does not compile: %v", env.CC, err)
	} else {
		return []finding{f}
	}
	f.Mend = "install one (on Debian and Ubuntu: apt install gcc libc6-dev), then: make setup; without it models run on the pure Go backend"
	return []finding{f}
}

func tryCompiler(ctx context.Context, cc string) error {
	dir, err := os.MkdirTemp("", "gopherlens-cc-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	source, program := filepath.Join(dir, "tiny.c"), filepath.Join(dir, "tiny")
	if err := os.WriteFile(source, []byte(tinyProgram), 0o600); err != nil {
		return err
	}
	words := append(strings.Fields(cc), "-o", program, source)
	if len(words) == 3 {
		return errors.New("there is none")
	}
	if output, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w %s", err, firstLine(string(output)))
	}
	return exec.CommandContext(ctx, program).Run()
}

// whatPython says what the private environment is; it fails if a package of the lab's is not there.
// They are not imported, which takes a second.
const whatPython = "import sys, importlib.metadata as m; [m.version(p) for p in ('nbclient', 'nbconvert', 'jupyter_client')]; " +
	"print('%d.%d.%d' % sys.version_info[:3] + ', JupyterLab', m.version('jupyterlab'))"

// checkPython runs the private environment's Python, or the one that would make it.
func checkPython(ctx context.Context, s *setup.Setup) []finding {
	f := finding{Name: "Python", Needed: true}
	if _, err := os.Stat(s.Repo.Python()); errors.Is(err, fs.ErrNotExist) {
		version, err := setup.CheckPython(ctx)
		f.Detail = version + ", not set up yet"
		if err != nil {
			f.Detail, f.Mend = firstLine(err.Error()), "install it, or set PYTHON to one; then: make setup"
		}
		return []finding{f}
	}
	output, err := exec.CommandContext(ctx, s.Repo.Python(), "-c", whatPython).CombinedOutput()
	f.Detail = firstLine(string(output)) + ", " + s.Repo.Python()
	if err != nil {
		f.Detail = fmt.Sprintf("%s: %v: %s", s.Repo.Python(), err, lastLine(string(output)))
		f.Mend = "remove .venv, then: make setup"
	}
	return []finding{f}
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// checkGopls runs gopls, which completes and explains code in the lab.
func checkGopls(ctx context.Context, s *setup.Setup) []finding {
	f := finding{Name: "gopls"}
	output, err := exec.CommandContext(ctx, s.Repo.Gopls(), "version").CombinedOutput()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Detail, f.Mend = "not installed; without it cells run, but nothing completes them", "make lab builds it"
	case err != nil:
		f.Detail = fmt.Sprintf("%s: %v: %s", s.Repo.Gopls(), err, lastLine(string(output)))
		f.Mend = "remove it, then: make lab"
	default:
		f.Detail = lastLine(string(output))
	}
	return []finding{f}
}
