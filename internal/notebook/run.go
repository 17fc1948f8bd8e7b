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
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gopherlens/internal/brief"
	"gopherlens/internal/progress"
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
	Output  string
	Timeout time.Duration // for each cell; 0 is none
}

// Run runs the notebook at path and prints each cell's output to status. If a
// cell fails the cells after it are not run, the error wraps ErrCell, and the
// output holds what there is; but a notebook that would be replaced stays as it is.
func Run(ctx context.Context, path string, status *progress.Status, options Options) error {
	if err := check(path, options); err != nil {
		return err
	}
	temp, err := outputFile(options.Output)
	if err != nil {
		return err
	}
	defer os.Remove(temp) // fails after the rename, as it should
	start := time.Now()
	show := &show{status: status}
	runErr := narrate(ctx, show, options.Python, path, options.Timeout, temp)
	if keep(temp, path, options.Output, runErr) {
		if err := os.Rename(temp, options.Output); err != nil {
			return err
		}
		status.Printf("wrote %s\n", options.Output)
	}
	if runErr == nil {
		status.Printf("%d cells ran in %.1f s\n", show.cells, time.Since(start).Seconds())
	}
	return runErr
}

// check finds at once what run.py would only say in Python's way.
func check(path string, options Options) error {
	if err := isNotebook(path); err != nil {
		return err
	}
	if _, err := os.Stat(options.Python); err != nil {
		return fmt.Errorf("there is no Python environment with Jupyter (%s); run: make setup", options.Python)
	}
	return nil
}

// isNotebook refuses what Jupyter would, half a minute later, in a traceback.
func isNotebook(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var notebook struct {
		Format *int               `json:"nbformat"`
		Cells  *[]json.RawMessage `json:"cells"`
	}
	if err := json.Unmarshal(content, &notebook); err != nil {
		return fmt.Errorf("%s is no notebook: %w; give a file that JupyterLab has saved, NAME.ipynb", path, brief.Errorf("%w", err))
	}
	if notebook.Format == nil || notebook.Cells == nil || *notebook.Format < oldestFormat {
		return fmt.Errorf("%s is no notebook of format %d or newer; open it in JupyterLab and save it", path, oldestFormat)
	}
	return nil
}

// oldestFormat is the notebooks' format since 2015.
const oldestFormat = 4

// outputFile reserves a temporary file beside output, to be renamed at the end.
func outputFile(output string) (string, error) {
	if output == "" {
		return "", nil
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return "", err
	}
	temp, err := os.CreateTemp(filepath.Dir(output), ".run-*.ipynb")
	if err != nil {
		return "", err
	}
	if err := errors.Join(temp.Chmod(0o644), temp.Close()); err != nil {
		return "", err
	}
	return temp.Name(), nil
}

// keep tells whether the executed notebook is to get its name.
func keep(temp, path, output string, runErr error) bool {
	info, err := os.Stat(temp)
	if err != nil || info.Size() == 0 {
		return false // run.py wrote none
	}
	return runErr == nil || !sameFile(path, output)
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// narrate runs run.py and shows its events. The kernel's own messages are kept
// for the error: GoNB logs to standard error from its first moment on.
func narrate(ctx context.Context, show *show, python, path string, timeout time.Duration, output string) error {
	args := []string{"-c", script, path, strconv.FormatFloat(timeout.Seconds(), 'f', -1, 64)}
	if output != "" {
		args = append(args, output)
	}
	cmd := exec.CommandContext(ctx, python, args...)
	var log bytes.Buffer
	cmd.Stderr = &log
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
