package setup

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// tailLines is how much of a failed command's output an error repeats.
const tailLines = 15

// A command is a program to run with its output kept for the error message.
type command struct {
	dir  string
	env  []string // added to this process's environment
	args []string // the program first
}

// run runs the command and returns its output. When ctx ends, the program is
// asked to stop and, five seconds later, killed.
func (c command) run(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	output, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(c.args, " "), err, tail(string(output)))
	}
	return string(output), nil
}

// tail returns the last lines of a program's output.
func tail(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return strings.Join(lines, "\n")
}
