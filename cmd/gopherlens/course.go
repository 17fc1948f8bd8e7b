package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"gopherlens/internal/course"
	"gopherlens/internal/setup"
)

// runCourse brings a student's folder up to date and tells how far the student is.
func runCourse(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("course", flag.ContinueOnError)
	dir := flags.String("dir", "", "the student's `folder`; by default course, in the checkout")
	if err := parse(flags, args, "", 0); err != nil {
		return err
	}
	repo, err := setup.FindRepo()
	if err != nil {
		return err
	}
	if *dir == "" {
		*dir = filepath.Join(repo.Root, "course")
	}
	solutions, err := filepath.Glob(filepath.Join(repo.Root, "notebooks", "[0-9]*.ipynb"))
	if err != nil || len(solutions) == 0 {
		return fmt.Errorf("there are no notebooks in %s", filepath.Join(repo.Root, "notebooks"))
	}
	reports, err := course.Update(*dir, solutions)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n\n", *dir)
	printProgress(reports)
	return nil
}

// printProgress prints a line for each notebook, and below it what is to be done next there.
func printProgress(reports []course.Report) {
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
		fmt.Println(line)
		if note := changesOf(r); note != "" {
			fmt.Println("  " + note)
		}
	}
	fmt.Printf("\n%d of %d exercises are done\n", done, all)
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
