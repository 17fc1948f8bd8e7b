package course

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gopherlens/internal/notebook"
)

// A Report says what an update did to one notebook, and how far the student is in it.
type Report struct {
	Name      string // the file's
	New       bool
	Changes   Changes
	Exercises []string
	Done      []bool // for each exercise
	Verdicts  []string
}

// Update brings the student's folder to what the solution notebooks say now, and makes it if there
// is none. It writes nothing that is as it should be.
func Update(dir string, solutions []string) ([]Report, error) {
	if err := os.MkdirAll(filepath.Join(dir, Records), 0o755); err != nil {
		return nil, err
	}
	records, err := ReadRecords(dir)
	if err != nil {
		return nil, err
	}
	var all []Report
	for _, path := range solutions {
		r, err := update(dir, path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		for _, name := range r.Exercises {
			r.Done = append(r.Done, records[name].Done)
			r.Verdicts = append(r.Verdicts, records[name].Verdict)
		}
		all = append(all, r)
	}
	return all, nil
}

// update does so for one notebook.
func update(dir, path string) (r Report, err error) {
	r.Name = filepath.Base(path)
	solution, err := notebook.ReadFile(path)
	if err != nil {
		return r, err
	}
	if r.Exercises, err = Exercises(solution); err != nil {
		return r, err
	}
	stubs, err := Stub(solution)
	if err != nil {
		return r, err
	}
	target := filepath.Join(dir, r.Name)
	var mine *notebook.File
	if _, err := os.Stat(target); err == nil {
		if mine, err = notebook.ReadFile(target); err != nil {
			return r, fmt.Errorf("yours is left as it is: %w", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	merged, changes := Merge(mine, stubs)
	r.New, r.Changes = mine == nil, changes
	if changes.Added+changes.Renewed+changes.Removed == 0 {
		return r, nil
	}
	return r, merged.WriteFile(target)
}
