package main

import (
	"context"
	"flag"
	"os"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"gopherlens/internal/progress"
	"gopherlens/internal/setup"
)

// runSetup installs what is missing.
func runSetup(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("setup", flag.ContinueOnError)
	plugin := flags.String("plugin", "", "install XLA's plugin for another device too, with its libraries (gigabytes): "+
		strings.Join(setup.PluginNames(), ", ")+"; several with commas between them")
	if err := parse(flags, args, "", 0); err != nil {
		return err
	}
	s, err := newSetup()
	if err != nil {
		return err
	}
	if *plugin != "" {
		s.Plugins = strings.Split(*plugin, ",")
	}
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
