package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gopherlens/internal/tour"
)

func newTour() *cobra.Command {
	c := &cobra.Command{
		Use:   "tour",
		Short: "Show a newcomer the model, a hook, a patch, a dictionary and a picture, in five minutes",
		Long: `Show a newcomer the model, a hook, a patch, a dictionary and a picture. Each step prints the Go
lines that it consists of, runs them on the model that set-up installed, and prints what came out; the picture
is a page that needs no network. In a terminal it waits for Enter between two steps.`,
		Example: `  gopherlens tour
  gopherlens tour --no-pause --folder build`,
		Args: operands(),
	}
	var o tour.Options
	flags := c.Flags()
	flags.StringVar(&o.Model, "model", "smollm2-135m", "the `MODEL`: a name, or a folder")
	flags.StringVar(&o.Folder, "folder", os.TempDir(), "the `FOLDER` of the picture")
	noPause := flags.Bool("no-pause", false, "do not wait for Enter between two steps")
	c.ValidArgsFunction = cobra.NoFileCompletions
	c.RunE = func(c *cobra.Command, _ []string) error {
		if in, ok := c.InOrStdin().(*os.File); ok && !*noPause && term.IsTerminal(int(in.Fd())) {
			o.Next = enter(in, c.OutOrStdout())
		}
		return tour.Run(c.Context(), c.OutOrStdout(), o)
	}
	return c
}

// enter waits for a line.
func enter(in io.Reader, out io.Writer) func() error {
	lines := bufio.NewReader(in)
	return func() error {
		fmt.Fprint(out, "Enter goes on: ")
		_, err := lines.ReadString('\n')
		fmt.Fprintln(out)
		return err
	}
}
