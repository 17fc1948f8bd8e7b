package notebook

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"gopherlens/internal/progress"
	"gopherlens/internal/underway"
)

//go:embed run.py
var script string

// cellFailed is run.py's exit status when a cell failed.
const cellFailed = 1

// ErrCell is wrapped by the error of a run in which a cell failed.
var ErrCell = errors.New("a cell failed")

// Options say how a notebook is run.
type Options struct {
	Python string // the interpreter that has nbclient
	// the executed notebook's path, the notebook's own to replace it; empty writes none
	Output     string
	HTML       string        // the path of the executed notebook as a page; empty writes none
	Parameters []string      // NAME=VALUE, other values for what the tagged cell declares
	Timeout    time.Duration // for each cell; 0 is none
}

// Run runs the notebook at path and prints each cell's output to status. If a
// cell fails the cells after it are not run, the error wraps ErrCell, and the
// output holds what there is; but a notebook that would be replaced stays as it is.
func Run(ctx context.Context, path string, status *progress.Status, options Options) error {
	work, err := options.prepare(path)
	if err != nil {
		return err
	}
	defer work.remove()
	start := time.Now()
	show := &show{status: status}
	runErr := narrate(ctx, show, options.Python, work.job)
	if err := work.keep(path, status, runErr); err != nil {
		return err
	}
	if runErr == nil {
		status.Printf("%d cells ran in %.1f s\n", show.cells, time.Since(start).Seconds())
	}
	return runErr
}

// narrate runs run.py and shows its events. The kernel's own messages are kept
// for the error: GoNB logs to standard error from its first moment on.
func narrate(ctx context.Context, show *show, python string, j job) error {
	told, err := json.Marshal(j)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, python, "-c", script, string(told))
	var log bytes.Buffer
	cmd.Stderr = &log
	// The line that is shown here tells that a cell is at work; its own would be among the outputs.
	cmd.Env = append(os.Environ(), underway.Variable+"=off")
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	// A process group of its own: Ctrl-C reaches nbclient through Cancel, once,
	// and nbclient then ends the kernel.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	show.watch(betweenCells)
	readErr := readEvents(events, show.handle)
	waitErr := cmd.Wait()
	show.unwatch()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return verdict(show, readErr, waitErr, log.String())
}

// verdict turns the way run.py ended into an error.
func verdict(show *show, readErr, waitErr error, log string) error {
	var exit *exec.ExitError
	switch {
	case waitErr == nil:
		return readErr
	case errors.As(waitErr, &exit) && exit.ExitCode() == cellFailed && show.failure != "":
		return fmt.Errorf("%w: %s: %s", ErrCell, show.label, firstLine(show.failure))
	case show.failure != "":
		return fmt.Errorf("%s; run: make setup", show.failure)
	default:
		return fmt.Errorf("the notebook's runner: %w\n%s", errors.Join(waitErr, readErr), log)
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
