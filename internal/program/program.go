// Package program finds the program gopherlens, which does for a notebook's cell what the cell does
// not do itself: it computes, as the resident worker, and asks the hub.
package program

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Env is the variable that names the program's file.
const Env = "GOPHERLENS_BIN"

// Find is the file of the program: $GOPHERLENS_BIN, else gopherlens on the PATH, else what an
// installed Jupyter kernel names.
func Find() (string, error) {
	if bin := os.Getenv(Env); bin != "" {
		found, err := exec.LookPath(bin)
		if err != nil {
			err = fmt.Errorf("%s does not name the program gopherlens: %w", Env, err)
			return "", err
		}
		return filepath.Abs(found)
	}
	if bin, err := exec.LookPath("gopherlens"); err == nil {
		return filepath.Abs(bin)
	}
	if bin := kernelBinary(); bin != "" {
		return bin, nil
	}
	err := fmt.Errorf("the program gopherlens was not found; "+
		"run \"make setup\", put it on the PATH, or set %s to its file", Env)
	return "", err
}

// kernelBinary looks for GOPHERLENS_BIN in the environment that an installed
// kernel gives its cells.
func kernelBinary() string {
	for _, dir := range jupyterDirs() {
		specs, _ := filepath.Glob(filepath.Join(dir, "kernels", "*", "kernel.json"))
		for _, path := range specs {
			var spec struct{ Env map[string]string }
			b, err := os.ReadFile(path)
			if err != nil || json.Unmarshal(b, &spec) != nil {
				continue
			}
			if bin := spec.Env[Env]; bin != "" {
				if _, err := exec.LookPath(bin); err == nil {
					return bin
				}
			}
		}
	}
	return ""
}

func jupyterDirs() []string {
	var dirs []string
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		dirs = append(dirs, dir)
	}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".local", "share", "jupyter"), filepath.Join(home, "Library", "Jupyter"))
	}
	return dirs
}
