package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"gopherlens/internal/notebook"
	"gopherlens/internal/progress"
	"gopherlens/internal/setup"
)

// cellTimeout bounds a cell by default, so that one that hangs ends a run that
// nobody watches.
const cellTimeout = 15 * time.Minute

// runNotebook runs one notebook.
func runNotebook(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	output := flags.String("o", "", "write the executed notebook to `file`")
	inPlace := flags.Bool("inplace", false, "write the executed notebook over the notebook, if every cell ran")
	timeout := flags.Duration("timeout", cellTimeout, "how long a cell may run; 0 is for ever")
	if err := parse(flags, args, "NOTEBOOK.ipynb", 1); err != nil {
		return err
	}
	path := flags.Arg(0)
	if *inPlace {
		if *output != "" {
			return fmt.Errorf("-o and -inplace exclude each other")
		}
		*output = path
	}
	repo, err := setup.FindRepo()
	if err != nil {
		return err
	}
	return notebook.Run(ctx, path, progress.New(os.Stdout), notebook.Options{
		Python:  repo.Python(),
		Output:  *output,
		Timeout: *timeout,
	})
}
