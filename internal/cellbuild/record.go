package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A record is how the go command built a cell.
type record struct {
	Compile, Link call
	Std           []string // Go's own packages among those that the program consists of
	Watched       watched
	Stamp         string // of what is watched, from before the build
}

// A call is one of Go's tools, as it was called.
type call struct {
	Args   []string // the tool first; [folder] stands for the folder in which it wrote
	Env    []string // variables that the go command set for it
	Config string   // its importcfg: where the packages are
}

// folder stands in a record for a build's own folder.
const folder = "@FOLDER@"

// recordVariable names the folder that calls of tools are kept in. Where it is set the go command
// has called this program in the place of a tool.
const recordVariable = "GOPHERLENS_CELLBUILD"

// recordTool keeps how the tool is called, if it compiles or links a program, and becomes it.
func recordTool(dir string, args []string) error {
	os.Unsetenv(recordVariable)
	name := filepath.Base(args[0])
	if name == "link" && !slices.Contains(args, "-V=full") || name == "compile" && argument(args, "-p") == "main" {
		// Without a record it is the go command that builds the next cell, too.
		if made, err := recorded(args); err == nil {
			_ = writeJSON(filepath.Join(dir, name), made)
		}
	}
	return become(args[0], args[1:])
}

// recorded is the call of a tool without what is this build's alone.
func recorded(args []string) (call, error) {
	config := argument(args, "-importcfg")
	text, err := os.ReadFile(config)
	if err != nil {
		return call{}, err
	}
	made := call{Config: strings.ReplaceAll(string(text), filepath.Dir(config), folder)}
	for _, arg := range args {
		made.Args = append(made.Args, strings.ReplaceAll(arg, filepath.Dir(config), folder))
	}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "GO") || strings.HasPrefix(v, "CGO_") {
			made.Env = append(made.Env, v)
		}
	}
	// A package that was compiled in this build lies beside the program's folder.
	if work := filepath.Dir(filepath.Dir(config)); strings.Contains(strings.Join(append(made.Args, made.Config), "\n"), work) {
		return call{}, errors.New("it needs what goes with this build")
	}
	return made, nil
}

// argument is what follows a flag, or "".
func argument(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// buildAndRecord has the go command build the cell, and returns its exit status. If all went well
// the next such cell can be built without.
func (c *cell) buildAndRecord() int {
	_ = os.Remove(c.recordFile())
	args, env := c.args, os.Environ()
	self, err := os.Executable()
	calls, err2 := c.newFolder()
	if recording := err == nil && err2 == nil && !strings.Contains(self, "'"); recording {
		defer os.RemoveAll(calls)
		args = append([]string{"build", "-toolexec='" + self + "'"}, args[1:]...)
		env = append(env, recordVariable+"="+calls)
	}
	start := time.Now()
	list := make(chan *record, 1)
	go func() { list <- c.lookAround(start) }()
	cmd := exec.Command(c.goCommand, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, os.Stdout, os.Stderr
	err = cmd.Run()
	r := <-list
	if err == nil && r != nil && readJSON(filepath.Join(calls, "compile"), &r.Compile) == nil && readJSON(filepath.Join(calls, "link"), &r.Link) == nil {
		r.Compile.Env, r.Link.Env = notHere(r.Compile.Env), notHere(r.Link.Env)
		_ = writeJSON(c.recordFile(), r)
	}
	return exitStatus(cmd, err)
}

// lookAround is a record of what the build that has begun depends on, or nil if nothing can be
// told.
func (c *cell) lookAround(start time.Time) *record {
	listed, err := c.list()
	if err != nil {
		return nil
	}
	stamp, newest, err := listed.Watched.stamp()
	if err != nil || newest.After(start.Add(-settled)) {
		return nil
	}
	listed.Stamp = stamp
	return listed
}

// settled is how long a file must have been left alone: a change right after another may leave
// its time as it is.
var settled = 2 * time.Second

// newFolder makes a folder for a build's files.
func (c *cell) newFolder() (string, error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(c.dir, "build-")
}

// notHere are the variables that this process does not have. What it has needs no record, and may
// be a secret, as an address in GOPROXY is.
func notHere(variables []string) []string {
	here := os.Environ()
	return slices.DeleteFunc(variables, func(v string) bool { return slices.Contains(here, v) })
}

func exitStatus(cmd *exec.Cmd, err error) int {
	if err != nil && cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 {
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

func writeJSON(file string, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o600)
}

func readJSON(file string, value any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, value)
}
