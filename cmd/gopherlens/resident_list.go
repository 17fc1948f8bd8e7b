package main

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"gopherlens/resident"
)

func newResidentList() *cobra.Command {
	return showsWorkers(&cobra.Command{
		Use:   "list",
		Short: "List all workers of yours, one a line: process, memory, time, notebook",
		Example: `  gopherlens resident list
  gopherlens resident list --json | jq '.[].memory'`,
	}, listWorkers)
}

// A seen is a worker for a program to read.
type seen struct {
	Process  int             `json:"process"`
	Own      bool            `json:"own"`    // this session's
	Memory   int64           `json:"memory"` // bytes of the machine's, with the program and its libraries
	Notebook string          `json:"notebook,omitempty"`
	Folder   string          `json:"folder"`
	State    *resident.State `json:"state,omitempty"`
	Error    string          `json:"error,omitempty"` // why it cannot be told what it holds
}

func seenAll(workers []resident.Worker) []seen {
	all := []seen{}
	for _, w := range workers {
		one := seen{Process: w.PID, Own: w.Own, Memory: w.Memory, Notebook: w.Notebook, Folder: w.Dir}
		if w.Err != nil {
			one.Error = w.Err.Error()
		} else {
			one.State = &w.State
		}
		all = append(all, one)
	}
	return all
}

// listWorkers prints a line for each, and below them what is wrong with any.
func listWorkers(w io.Writer, workers []resident.Worker) {
	if len(workers) == 0 {
		fmt.Fprintln(w, "no worker of yours is running")
		return
	}
	const row = "%8s  %10s  %10s  %10s  %s\n"
	fmt.Fprintf(w, row, "process", "memory", "arrays", "up", "notebook")
	for _, x := range workers {
		name := cmp.Or(x.Notebook, "none: a program's or a terminal's")
		if x.Err != nil {
			fmt.Fprintf(w, row, fmt.Sprint(x.PID), size(x.Memory), "?", "?", name)
			continue
		}
		fmt.Fprintf(w, row, fmt.Sprint(x.PID), size(x.Memory), size(x.State.Bytes), x.State.Uptime.Round(time.Second), name)
	}
	for _, x := range workers {
		if x.Err != nil {
			fmt.Fprintf(w, "%d: %v\n", x.PID, x.Err)
		}
	}
}
