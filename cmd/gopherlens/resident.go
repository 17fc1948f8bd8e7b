package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"gopherlens/resident"
	"gopherlens/resident/worker"
)

// runResident looks after the resident worker: the process that keeps models
// between the cells of a notebook.
func runResident(ctx context.Context, args []string) error {
	commands := map[string]func(context.Context, []string) error{
		"serve":  residentServe,
		"status": residentStatus,
		"stop":   residentStop,
	}
	if len(args) > 0 && commands[args[0]] != nil {
		return commands[args[0]](ctx, args[1:])
	}
	flags := flag.NewFlagSet("resident", flag.ContinueOnError)
	if err := parse(flags, args, "status|stop|serve", 1); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "gopherlens resident: unknown subcommand %q\n\n", args[0])
	flags.Usage()
	return errUsage
}

// residentServe is what a notebook's cell starts by itself. It runs until its
// folder or the process it watches is gone.
func residentServe(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("resident serve", flag.ContinueOnError)
	dir := flags.String("dir", "", "folder for the socket, open to nobody else")
	watch := flags.Int("watch", 0, "end when the process of this number ends")
	idle := flags.Duration("idle", 0, "end when nothing was connected for so long")
	ready := flags.Bool("ready", false, "say on descriptor 3 when it listens")
	if err := parse(flags, args, "", 0); err != nil {
		return err
	}
	c := worker.Config{Dir: *dir, Watch: *watch, Idle: *idle}
	if *ready {
		c.Ready = os.NewFile(3, "ready")
	}
	return worker.Serve(ctx, c)
}

func residentStatus(_ context.Context, args []string) error {
	if err := parse(flag.NewFlagSet("resident status", flag.ContinueOnError), args, "", 0); err != nil {
		return err
	}
	workers, err := resident.Workers()
	if err != nil {
		return err
	}
	printWorkers(os.Stdout, workers)
	return nil
}

// printWorkers tells of this session's worker, which comes first, and of the user's others.
func printWorkers(w io.Writer, workers []resident.Worker) {
	if len(workers) == 0 || !workers[0].Own {
		fmt.Fprintln(w, "no worker is running for this session")
	}
	for i, x := range workers {
		if i > 0 || !x.Own {
			fmt.Fprintf(w, "\nanother worker of yours; to end it: %s=%q gopherlens resident stop\n", resident.DirEnv, x.Dir)
		}
		if x.Err != nil {
			fmt.Fprintf(w, "process    %d: %v\n", x.PID, x.Err)
			continue
		}
		printState(w, x.State)
	}
}

func printState(w io.Writer, st resident.State) {
	fmt.Fprintf(w, "process    %d, up %s\n", st.PID, st.Uptime.Round(time.Second))
	fmt.Fprintf(w, "backends   %q\n", st.Backends)
	fmt.Fprintf(w, "clients    %d, holding %d handles\n", st.Clients, st.Handles)
	fmt.Fprintf(w, "memory     %s in %d arrays, of %s allowed\n", megabytes(st.Bytes), st.Arrays, megabytes(st.Budget))
	fmt.Fprintf(w, "programs   %d held, with constants of %s; XLA compiled %d so far, and %d came from disk\n",
		st.Programs, megabytes(st.ProgramBytes), st.Compiled, st.FromDisk)
	fmt.Fprintf(w, "memo       %d results, %s, of which %s were asked for once; %d hits, %d misses\n",
		st.MemoResults, megabytes(st.MemoBytes), megabytes(st.MemoOnce), st.MemoHits, st.MemoMisses)
	for _, k := range st.Kept {
		fmt.Fprintf(w, "kept       %s: %d arrays, %s\n", k.Key, k.Arrays, megabytes(k.Bytes))
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func residentStop(_ context.Context, args []string) error {
	if err := parse(flag.NewFlagSet("resident stop", flag.ContinueOnError), args, "", 0); err != nil {
		return err
	}
	err := resident.Stop()
	if errors.Is(err, resident.ErrNoWorker) {
		fmt.Println("no worker is running for this session")
		return nil
	}
	return err
}
