package notebook

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gopherlens/internal/progress"
)

// A job is what run.py is told.
type job struct {
	Notebook string  `json:"notebook"`
	Timeout  float64 `json:"timeout"` // seconds for a cell; 0 is none
	Output   string  `json:"output,omitempty"`
	HTML     string  `json:"html,omitempty"`
	Injected string  `json:"injected,omitempty"` // the source of the cell of other parameters
}

// A work is a job with the files that it writes, which get their names at the end.
type work struct {
	job job
	// a file has its name when the run has ended
	output, html pending
}

// A pending is a file that is written under another name first. Empty, it is none.
type pending struct{ temp, path string }

// prepare finds at once what run.py would only say in Python's way.
func (o Options) prepare(path string) (w work, err error) {
	notebook, err := ReadFile(path)
	if err != nil {
		return w, err
	}
	if _, err := os.Stat(o.Python); err != nil {
		return w, fmt.Errorf("there is no Python environment with Jupyter (%s); run: make setup", o.Python)
	}
	w.job = job{Notebook: path, Timeout: o.Timeout.Seconds()}
	if w.job.Injected, err = notebook.inject(o.Parameters); err != nil {
		return w, fmt.Errorf("%s: %w", path, err)
	}
	if w.output, err = reserve(o.Output, ".run-*.ipynb"); err != nil {
		return w, err
	}
	if w.html, err = reserve(o.HTML, ".run-*.html"); err != nil {
		w.remove()
		return w, err
	}
	w.job.Output, w.job.HTML = w.output.temp, w.html.temp
	return w, nil
}

// reserve makes a temporary file beside path, to be renamed at the end.
func reserve(path, pattern string) (pending, error) {
	if path == "" {
		return pending{}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return pending{}, err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), pattern)
	if err != nil {
		return pending{}, err
	}
	if err := errors.Join(temp.Chmod(0o644), temp.Close()); err != nil {
		return pending{}, err
	}
	return pending{temp.Name(), path}, nil
}

// remove takes away what did not get its name.
func (w work) remove() {
	for _, p := range []pending{w.output, w.html} {
		if p.temp != "" {
			os.Remove(p.temp) // fails after the rename, as it should
		}
	}
}

// keep gives what was written its name; but a notebook that would be replaced stays as it is if a
// cell failed.
func (w work) keep(notebook string, status *progress.Status, runErr error) error {
	for _, p := range []pending{w.output, w.html} {
		info, err := os.Stat(p.temp)
		if err != nil || info.Size() == 0 || runErr != nil && sameFile(notebook, p.path) {
			continue // run.py wrote none
		}
		if err := os.Rename(p.temp, p.path); err != nil {
			return err
		}
		status.Printf("wrote %s\n", p.path)
	}
	return nil
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
