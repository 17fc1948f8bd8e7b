package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gopherlens/internal/notebook"
	"gopherlens/internal/progress"
	"gopherlens/internal/setup"
)

// cellTimeout bounds a cell by default, so that one that hangs ends a run that
// nobody watches.
const cellTimeout = 15 * time.Minute

func newRun() *cobra.Command {
	c := &cobra.Command{
		Use:   "run NOTEBOOK.ipynb",
		Short: "Run a notebook from top to bottom and print each cell's output and time",
		Long: `Run a notebook from top to bottom in a kernel of its own, and print each cell's output and time.
Parameters are what the cell with the tag "parameters" declares; those that -p gives another
value are declared anew in a cell behind it, with the tag "injected-parameters", as papermill does.`,
		Example: `  gopherlens run notebooks/01_exploratory_analysis.ipynb
  gopherlens run sweep.ipynb -p layer=7 -p prompt='The capital of France is' -o sweep-7.ipynb
  gopherlens run sweep.ipynb --html sweep.html
  gopherlens run sweep.ipynb --inplace`,
		Args:              operands("NOTEBOOK.ipynb"),
		ValidArgsFunction: offerNotebooks,
	}
	flags := c.Flags()
	var options notebook.Options
	flags.StringVarP(&options.Output, "output", "o", "", "write the executed notebook to `FILE`")
	inPlace := flags.Bool("inplace", false, "write the executed notebook over the notebook, if every cell ran")
	flags.StringVar(&options.HTML, "html", "", "write the executed notebook as a page to `FILE`")
	flags.StringArrayVarP(&options.Parameters, "parameter", "p", nil, "give a parameter of the notebook another value: `NAME=VALUE`; may be repeated")
	flags.DurationVar(&options.Timeout, "timeout", cellTimeout, "how long a cell may run; 0 is for ever")
	c.RunE = func(c *cobra.Command, args []string) error {
		for _, other := range []string{"output", "parameter"} {
			if err := exclude(c, "inplace", other); err != nil {
				return err
			}
		}
		for _, p := range options.Parameters {
			if !strings.Contains(p, "=") {
				return misused("--parameter %s: want NAME=VALUE", p)
			}
		}
		if *inPlace {
			options.Output = args[0]
		}
		return runNotebook(c.Context(), args[0], options)
	}
	return c
}

// runNotebook runs one notebook.
func runNotebook(ctx context.Context, path string, options notebook.Options) error {
	repo, err := setup.FindRepo()
	if err != nil {
		return err
	}
	options.Python = repo.Python()
	return notebook.Run(ctx, path, progress.New(os.Stdout), options)
}
