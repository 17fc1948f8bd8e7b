// Command gopherlens sets up notebooks, runs them, and looks after what they
// leave on the machine. Run it without arguments for its subcommands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	called, err := newRoot().ExecuteContextC(ctx)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "gopherlens:", err)
	if !errors.Is(err, errUsage) {
		os.Exit(exitFailed)
	}
	fmt.Fprintf(os.Stderr, "usage: %s\n%s --help tells more\n", called.UseLine(), called.CommandPath())
	os.Exit(exitUsage)
}

// The groups under which help lists subcommands.
const (
	groupLab    = "lab"
	groupModels = "models"
)

// newRoot returns the command with all that is below it.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "gopherlens SUBCOMMAND",
		Short: "TransformerLens for Go notebooks: sets them up, runs them, looks after what they leave",
		Long: `TransformerLens for Go notebooks: sets them up, runs them, and looks after what they leave
on the machine.

Exit status: 0 where all went well, 1 where something failed, 2 where the command was
called wrongly. NO_COLOR, or an output that is no terminal, leaves out colours.`,
		Example: `  gopherlens lab                                    open JupyterLab with the Go kernel
  gopherlens run notebooks/01_exploratory_analysis.ipynb
  gopherlens doctor                                 what is installed, and how to mend what is missing`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommandOnly,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddGroup(&cobra.Group{ID: groupLab, Title: "Notebooks:"}, &cobra.Group{ID: groupModels, Title: "Models and texts:"})
	add(root, groupLab, newTour(), newSetupCommand(), newLab(), newRun(), newCourse(), newDoctor(), newResident())
	add(root, groupModels, newModels(), newCorpus(), newHarvest(), newWorkerCommand())
	add(root, "", newVersion(), newFetch())
	root.SetFlagErrorFunc(flagError)
	return root
}

// add puts commands below another, in a group of its help.
func add(parent *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		parent.AddCommand(c)
	}
}
