package main

import (
	"context"
	"flag"
	"os"
	"slices"

	"github.com/gomlx/compute"

	"gopherlens/internal/progress"
	"gopherlens/internal/setup"
)

// runSetup installs what is missing.
func runSetup(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("setup", flag.ContinueOnError)
	cuda := flags.Bool("cuda", false, "install XLA's plugin for Nvidia cards too, with its libraries (several GB)")
	if err := parse(flags, args, "", 0); err != nil {
		return err
	}
	s, err := newSetup()
	if err != nil {
		return err
	}
	s.CUDA = *cuda
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
