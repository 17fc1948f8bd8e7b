package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"gopherlens/internal/course"
	"gopherlens/internal/setup"
)

func newCourse() *cobra.Command {
	c := &cobra.Command{
		Use:   "course",
		Short: "Make or renew a folder of the course's exercises, keep what was done there, and show how far that is",
		Example: `  gopherlens course
  gopherlens course --dir ~/interpretability`,
		Args: operands(),
	}
	dir := c.Flags().String("dir", "", "the student's `folder`; by default course, in the checkout")
	c.RunE = func(c *cobra.Command, _ []string) error { return updateCourse(c.OutOrStdout(), *dir) }
	return c
}

// updateCourse brings a student's folder up to date and tells how far the student is.
func updateCourse(w io.Writer, dir string) error {
	repo, err := setup.FindRepo()
	if err != nil {
		return err
	}
	if dir == "" {
		dir = filepath.Join(repo.Root, "course")
	}
	solutions, err := filepath.Glob(filepath.Join(repo.Root, "notebooks", "[0-9]*.ipynb"))
	if err != nil || len(solutions) == 0 {
		return fmt.Errorf("there are no notebooks in %s", filepath.Join(repo.Root, "notebooks"))
	}
	reports, err := course.Update(dir, solutions)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\n\n", dir)
	printProgress(w, reports)
	return nil
}

// printProgress prints a line for each notebook, and below it what is to be done next there.
func printProgress(w io.Writer, reports []course.Report) {
	done, all := 0, 0
	for _, r := range reports {
		here, next := 0, ""
		for i, name := range r.Exercises {
			switch {
			case r.Done[i]:
				here++
			case next == "":
				next = name
				if r.Verdicts[i] != "" {
					next += " (" + r.Verdicts[i] + ")"
				}
			}
		}
		done, all = done+here, all+len(r.Exercises)
		line := strings.TrimSuffix(r.Name, ".ipynb")
		if len(r.Exercises) > 0 {
			line = fmt.Sprintf("%-44s %s %d of %d", line, bar(here, len(r.Exercises)), here, len(r.Exercises))
			if next != "" && here > 0 {
				line += ", next: " + next
			}
		}
		fmt.Fprintln(w, line)
		if note := changesOf(r); note != "" {
			fmt.Fprintln(w, "  " + note)
		}
	}
	fmt.Fprintf(w, "\n%d of %d exercises are done\n", done, all)
}

// barWidth is the width of a progress bar.
const barWidth = 10

func bar(done, all int) string {
	full := done * barWidth / all
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}

// changesOf tells what was done to a notebook; of a new one nothing.
func changesOf(r course.Report) string {
	if r.New {
		return ""
	}
	var notes []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{r.Changes.Added, "added"}, {r.Changes.Renewed, "renewed, which you had not changed"}, {r.Changes.Removed, "removed, which you had not changed"},
		{r.Changes.Newer, "kept as yours, which the course has changed too"},
	} {
		if c.n > 0 {
			notes = append(notes, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if notes == nil {
		return ""
	}
	return "cells: " + strings.Join(notes, "; ")
}
