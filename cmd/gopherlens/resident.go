package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gopherlens/hooked"
	"gopherlens/resident"
	"gopherlens/resident/worker"
)

func newResident() *cobra.Command {
	c := &cobra.Command{
		Use:   "resident",
		Short: "The workers that keep models between cells: list, status, stop",
		Long: `The workers that keep models between the cells of a notebook. Each notebook has one, and so has
each terminal from which a program computes in one.`,
		Example: `  gopherlens resident list
  gopherlens resident status
  gopherlens resident stop 4711`,
		Args: subcommandOnly,
		RunE: needsSubcommand,
	}
	c.AddCommand(newResidentList(), newResidentStatus(), newResidentStop(), newResidentServe())
	return c
}

// newResidentServe is what a notebook's cell starts by itself. It runs until its
// folder or the process it watches is gone.
func newResidentServe() *cobra.Command {
	c := &cobra.Command{Use: "serve", Short: "Be the worker; cells start it by themselves", Hidden: true, Args: operands()}
	dir := c.Flags().String("dir", "", "folder for the socket, open to nobody else")
	watch := c.Flags().Int("watch", 0, "end when the process of this number ends")
	idle := c.Flags().Duration("idle", 0, "end when nothing was connected for so long")
	ready := c.Flags().Bool("ready", false, "say on descriptor 3 when it listens")
	c.RunE = func(c *cobra.Command, _ []string) error {
		config := worker.Config{Dir: *dir, Watch: *watch, Idle: *idle}
		if *ready {
			config.Ready = os.NewFile(3, "ready")
		}
		return worker.Serve(c.Context(), config)
	}
	return c
}

func newResidentStatus() *cobra.Command {
	return showsWorkers(&cobra.Command{
		Use:   "status",
		Short: "Tell what each worker of yours holds, this session's first",
		Example: `  gopherlens resident status
  gopherlens resident status --json`,
	}, printWorkers)
}

// showsWorkers makes the command print the user's workers, or their JSON.
func showsWorkers(c *cobra.Command, show func(io.Writer, []resident.Worker)) *cobra.Command {
	c.Args = operands()
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		workers, err := resident.Workers()
		switch {
		case err != nil:
			return err
		case *asJSON:
			return printJSON(c.OutOrStdout(), seenAll(workers))
		}
		show(c.OutOrStdout(), workers)
		return nil
	}
	return c
}

// printWorkers tells of this session's worker, which comes first, and of the user's others.
func printWorkers(w io.Writer, workers []resident.Worker) {
	if len(workers) == 0 || !workers[0].Own {
		fmt.Fprintln(w, "no worker is running for this session")
	}
	for i, x := range workers {
		if i > 0 || !x.Own {
			fmt.Fprintf(w, "\nanother worker of yours; to end it: gopherlens resident stop %d\n", x.PID)
		}
		if x.Notebook != "" {
			fmt.Fprintf(w, "notebook   %s\n", x.Notebook)
		}
		if x.Err != nil {
			fmt.Fprintf(w, "process    %d: %v\n", x.PID, x.Err)
			continue
		}
		printState(w, x.State, x.Memory)
	}
}

func printState(w io.Writer, st resident.State, memory int64) {
	fmt.Fprintf(w, "process    %d, up %s, takes %s of the machine's memory\n", st.PID, st.Uptime.Round(time.Second), size(memory))
	fmt.Fprintf(w, "backends   %q\n", st.Backends)
	fmt.Fprintf(w, "clients    %d, holding %d handles\n", st.Clients, st.Handles)
	fmt.Fprintf(w, "memory     %s in %d arrays, of %s allowed\n", size(st.Bytes), st.Arrays, size(st.Budget))
	fmt.Fprintf(w, "programs   %d held, with constants of %s; XLA compiled %d so far, and %d came from disk\n",
		st.Programs, size(st.ProgramBytes), st.Compiled, st.FromDisk)
	fmt.Fprintf(w, "memo       %d results, %s, of which %s were asked for once; %d hits, %d misses\n",
		st.MemoResults, size(st.MemoBytes), size(st.MemoOnce), st.MemoHits, st.MemoMisses)
	texts := 0
	for _, k := range st.Kept {
		if strings.HasPrefix(k.Key, hooked.KeptTextPrefix) {
			texts++
			continue
		}
		fmt.Fprintf(w, "kept       %s: %d arrays, %s\n", k.Key, k.Arrays, size(k.Bytes))
	}
	if texts > 0 {
		fmt.Fprintf(w, "kept       what tokenizers made of %d texts\n", texts)
	}
}

func newResidentStop() *cobra.Command {
	return &cobra.Command{
		Use:   "stop [PROCESS]",
		Short: "End this session's worker, or the one that list shows; what it holds is lost",
		Long: `End this session's worker, or the one whose process is named, as list shows it. What it holds is
lost; the next cell starts a new one.`,
		Example: `  gopherlens resident stop
  gopherlens resident stop 4711`,
		Args:              upToOne,
		ValidArgsFunction: offer(workerProcesses),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return stopWorker(args[0])
			}
			err := resident.Stop()
			if errors.Is(err, resident.ErrNoWorker) {
				fmt.Fprintln(c.OutOrStdout(), "no worker is running for this session")
				return nil
			}
			return err
		},
	}
}

func upToOne(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return misused("%q is one argument too many", args[1])
	}
	return nil
}

// stopWorker ends the worker with a process's number.
func stopWorker(process string) error {
	pid, err := strconv.Atoi(process)
	if err != nil {
		return misused("%q is no number of a process; gopherlens resident list shows them", process)
	}
	workers, err := resident.Workers()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(workers, func(w resident.Worker) bool { return w.PID == pid })
	if i < 0 {
		return fmt.Errorf("process %d is no worker of yours; gopherlens resident list shows them", pid)
	}
	return workers[i].Stop()
}

// workerProcesses lists the workers for a shell's Tab.
func workerProcesses() (pids []string) {
	workers, _ := resident.Workers() // a Tab has no place for an error
	for _, w := range workers {
		pids = append(pids, strconv.Itoa(w.PID))
	}
	return pids
}
