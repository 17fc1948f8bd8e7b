package setup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goShimText is the go command that the kernel finds first. Before every cell
// GoNB runs a bare "go get", which takes about 0.3 s and may ask the network;
// %noautoget turns that off, but only from within a notebook. The kernel's
// workspace already holds every module that this repository uses.
const goShimText = `#!/bin/sh
# Written by gopherlens setup. GoNB runs a bare "go get" before each cell; all
# that a cell needs is in its workspace, so that one is left out. To add a module
# to a notebook: !*go get MODULE@VERSION
if [ $# = 1 ] && [ "$1" = get ]; then exit 0; fi
exec "@GO@" "$@"
`

// hasGoShim tells whether the go command for the kernel is in place.
func (s *Setup) hasGoShim() bool {
	want, err := goShim()
	if err != nil {
		return false
	}
	have, err := os.ReadFile(s.goShimFile())
	return err == nil && string(have) == want
}

// writeGoShim puts the go command for the kernel in place.
func (s *Setup) writeGoShim() error {
	text, err := goShim()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Repo.shims(), 0o755); err != nil {
		return err
	}
	return replaceFile(s.goShimFile(), []byte(text), 0o755)
}

func (s *Setup) goShimFile() string { return filepath.Join(s.Repo.shims(), "go") }

// goShim returns goShimText with the real go command filled in.
func goShim() (string, error) {
	path, err := findGo()
	return strings.Replace(goShimText, "@GO@", path, 1), err
}

// findGo returns the path of the go command, and never of a shim: set-up may be
// run from within a notebook.
func findGo() (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.Base(dir) == filepath.Base(Repo{}.shims()) {
			continue
		}
		if path, err := exec.LookPath(filepath.Join(dir, "go")); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", errors.New("there is no go command in PATH; install Go 1.26.5 or newer")
}
