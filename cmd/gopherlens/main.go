// Command gopherlens sets up notebooks, runs them, and looks after what they
// leave on the machine. Run it without arguments for its subcommands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// A subcommand is one word after gopherlens.
type subcommand struct {
	name string
	help string
	run  func(ctx context.Context, args []string) error
}

// subcommands returns the table of them. It is a function because help prints it.
func subcommands() []subcommand {
	return []subcommand{
		{"setup", "install what notebooks need: JupyterLab, the Go kernel, XLA's plugin, the default model", runSetup},
		{"doctor", "say what is installed, which backend will compute and why, and how to mend what is missing", runDoctor},
		{"run", "run a notebook from top to bottom and print each cell's output and time", runNotebook},
		{"models", "list the models and processed weights on this machine; prune the latter", runModels},
		{"resident", "the worker that keeps models between cells: status, stop, serve", runResident},
		{"version", "print this program's version and what it was built with", runVersion},
	}
}

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

// errUsage is returned after a message about wrong arguments was printed.
var errUsage = errors.New("wrong arguments")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := dispatch(ctx, os.Args[1:])
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(exitUsage)
	default:
		fmt.Fprintln(os.Stderr, "gopherlens:", err)
		os.Exit(exitFailed)
	}
}

// dispatch runs the subcommand that args begin with.
func dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(os.Stdout)
		return nil
	}
	for _, s := range subcommands() {
		if s.name == args[0] {
			return s.run(ctx, args[1:])
		}
	}
	fmt.Fprintf(os.Stderr, "gopherlens: unknown subcommand %q\n\n", args[0])
	usage(os.Stderr)
	return errUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: gopherlens SUBCOMMAND [arguments]; SUBCOMMAND -h tells more\n\n")
	for _, s := range subcommands() {
		fmt.Fprintf(w, "  %-9s %s\n", s.name, s.help)
	}
}

// parse reads a subcommand's flags and checks how many arguments are left.
func parse(flags *flag.FlagSet, args []string, operands string, want int) error {
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: gopherlens %s [flags] %s\n", flags.Name(), operands)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag package has printed it
	}
	if flags.NArg() != want {
		flags.Usage()
		return errUsage
	}
	return nil
}
