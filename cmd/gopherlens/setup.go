package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"gopherlens/internal/progress"
	"gopherlens/internal/setup"
)

func newSetupCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "setup",
		Short: "Install what notebooks need: JupyterLab, the Go kernel, XLA's plugin, the default model",
		Long: `Install what notebooks need, and of that only what is missing: JupyterLab in .venv, the Go
kernel, XLA's plugin for the CPU, the default model. Everything has a version and a checksum.`,
		Example: `  gopherlens setup
  gopherlens setup --plugin cuda13     XLA's plugin for Nvidia cards too`,
		Args: operands(),
	}
	plugins := c.Flags().StringSlice("plugin", nil, "install XLA's plugin for another `DEVICE` too, with its libraries (gigabytes): "+
		strings.Join(setup.PluginNames(), ", ")+"; several with commas between them")
	complete(c, "plugin", setup.PluginNames)
	c.RunE = func(c *cobra.Command, _ []string) error { return runSetup(c.Context(), *plugins) }
	return c
}

// runSetup installs what is missing.
func runSetup(ctx context.Context, plugins []string) error {
	s, err := newSetup()
	if err != nil {
		return err
	}
	s.Plugins = plugins
	if err := setup.CheckPlugins(s.Plugins); err != nil {
		return err
	}
	return s.Run(ctx)
}

// newSetup returns a set-up of the checkout that this command is in.
func newSetup() (*setup.Setup, error) {
	repo, err := setup.FindRepo()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &setup.Setup{
		Repo:   repo,
		Status: progress.New(os.Stdout),
		Self:   self,
		XLA:    slices.Contains(compute.List(), "xla"),
	}, nil
}
