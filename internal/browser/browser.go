// Package browser runs the scripts of this folder in Chromium, for tests with the tag browser. They
// need node, npm and Chromium; playwright-core (pinned in package.json) is installed here the first
// time.
package browser

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const jupyterLabVersion = "4.6.6"

// Run runs one of the scripts, told what to do in the job, which gets the key chromium. The script
// prints a line for each fault and ends with 1 if there were any.
func Run(t *testing.T, script string, job map[string]any) {
	t.Helper()
	install(t)
	job["chromium"] = chromium(t)
	told, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", script, string(told))
	cmd.Dir = folder()
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v", script, err)
	}
}

// folder is this package's.
func folder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// chromium finds the browser or says how to get it.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is missing; on Debian: apt-get install chromium")
	return ""
}

// install brings playwright.
func install(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatal("node and npm are missing; on Debian: apt-get install nodejs npm")
	}
	if _, err := os.Stat(filepath.Join(folder(), "node_modules", "playwright-core")); err != nil {
		command(t, "npm", "install", "--no-package-lock", "--no-audit", "--no-fund")
	}
}

// Jupyter finds JupyterLab in the repository's own environment, or makes one here.
func Jupyter(t *testing.T) string {
	t.Helper()
	own := filepath.Join(folder(), ".venv", "bin", "jupyter")
	for _, path := range []string{filepath.Join(folder(), "..", "..", ".venv", "bin", "jupyter"), own} {
		if _, err := os.Stat(path + "-lab"); err == nil {
			return path
		}
	}
	command(t, "python3", "-m", "venv", ".venv")
	command(t, ".venv/bin/pip", "install", "--quiet", "jupyterlab=="+jupyterLabVersion)
	return own
}

// command runs a program in this package's folder.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = folder()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
