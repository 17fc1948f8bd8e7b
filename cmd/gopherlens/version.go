package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"gopherlens/internal/version"
)

// told lists the modules whose version decides what a model computes.
var told = []string{
	"github.com/gomlx/gomlx",
	"github.com/gomlx/compute",
	"github.com/gomlx/go-xla",
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print this program's version and what it was built with",
		Args:  operands(),
		RunE:  func(c *cobra.Command, _ []string) error { return printVersion(c.OutOrStdout()) },
	}
}

// printVersion tells what this program was built from and with.
func printVersion(w io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("this program was built without module information")
	}
	fmt.Fprintln(w, "gopherlens", version.String(info))
	fmt.Fprintln(w, info.GoVersion)
	for _, module := range info.Deps {
		if slices.Contains(told, module.Path) {
			fmt.Fprintln(w, module.Path, module.Version)
		}
	}
	return nil
}
