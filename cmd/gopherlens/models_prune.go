package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/codecache"
)

func newModelsPrune() *cobra.Command {
	return &cobra.Command{
		Use:     "prune",
		Short:   "Remove the processed weights and the compiled programs; who needs them makes them again",
		Example: "  gopherlens models prune",
		Args:    operands(),
		RunE: func(c *cobra.Command, _ []string) error {
			return errors.Join(pruneProcessed(c.OutOrStdout()), prunePrograms(c.OutOrStdout()))
		},
	}
}

// pruneProcessed removes processed weights: the next load makes them again.
func pruneProcessed(w io.Writer) error {
	dir, err := cachedir.Join("processed")
	if err != nil {
		return err
	}
	bytes, err := sizeOf(dir)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(w, "there are no processed weights")
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	fmt.Fprintf(w, "removed %s of processed weights from %s\n", size(bytes), dir)
	return nil
}

// prunePrograms removes compiled programs: who needs one compiles it again.
func prunePrograms(w io.Writer) error {
	dir, bytes, err := codecache.Remove()
	switch {
	case err != nil:
		return err
	case bytes == 0:
		fmt.Fprintln(w, "there are no compiled programs")
	default:
		fmt.Fprintf(w, "removed %s of compiled programs from %s\n", size(bytes), dir)
	}
	return nil
}
