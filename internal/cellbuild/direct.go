package main

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

var errNoRecord = errors.New("no build is known that this one is like")

// buildDirectly builds the cell as the go command built one like it. It prints nothing: after an
// error the go command is to say what is wrong.
func (c *cell) buildDirectly() error {
	var r record
	if err := readJSON(c.recordFile(), &r); err != nil {
		return err
	}
	if stamp, _, err := r.Watched.stamp(); err != nil || stamp != r.Stamp || !c.importable(r.Std) {
		return errNoRecord
	}
	dir, err := c.newFolder()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r.Compile.Config = packagesOf(r.Link.Config) // it has those that main imports, and more of Go's own
	if err := r.Compile.run(dir, filepath.Base(argument(r.Compile.Args, "-importcfg"))); err != nil {
		return err
	}
	made := c.program + ".new"
	if err := r.Link.withOutput(made).run(dir, filepath.Base(argument(r.Link.Args, "-importcfg"))); err != nil {
		os.Remove(made)
		return err
	}
	return os.Rename(made, c.program)
}

// importable tells whether all that the cell imports of Go's own packages is in the program that
// was recorded, and nothing of it closed to it. The others are the same: recordFile goes by them.
func (c *cell) importable(std []string) bool {
	return !slices.ContainsFunc(c.std, func(path string) bool {
		parts := strings.Split(path, "/")
		return path != "unsafe" && (!slices.Contains(std, path) || slices.Contains(parts, "internal") || slices.Contains(parts, "vendor"))
	})
}

// packagesOf is what the compiler reads of the linker's list of packages.
func packagesOf(config string) string {
	var lines strings.Builder
	for line := range strings.Lines(config) {
		if strings.HasPrefix(line, "packagefile ") && !strings.Contains(line, folder) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// withOutput is the call of the linker that makes another file. The go command knows a program that
// is up to date by its id, and must never take this one for its own.
func (t call) withOutput(file string) call {
	t.Args = slices.Clone(t.Args)
	for i, arg := range t.Args {
		switch {
		case arg == "-o":
			t.Args[i+1] = file
		case strings.HasPrefix(arg, "-buildid="):
			t.Args[i] = "-buildid=cell/" + rand.Text()
		}
	}
	if os.Getenv("GOGC") == "" {
		t.Env = append(slices.Clone(t.Env), "GOGC=off") // it ends before that would pay
	}
	return t
}

// run calls the tool, with a folder for its files and the name of its list of packages there. A
// tool that prints anything has failed.
func (t call) run(dir, config string) error {
	if err := os.WriteFile(filepath.Join(dir, config), []byte(strings.ReplaceAll(t.Config, folder, dir)), 0o600); err != nil {
		return err
	}
	var args []string
	for _, arg := range t.Args {
		args = append(args, strings.ReplaceAll(arg, folder, dir))
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), t.Env...)
	output, err := cmd.CombinedOutput()
	if err == nil && len(output) > 0 {
		err = errors.New("it has something to say")
	}
	return err
}
