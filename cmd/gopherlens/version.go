package main

import (
	"context"
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// told lists the modules whose version decides what a model computes.
var told = []string{
	"github.com/gomlx/gomlx",
	"github.com/gomlx/compute",
	"github.com/gomlx/go-xla",
}

// runVersion prints what this program was built from and with.
func runVersion(_ context.Context, args []string) error {
	if err := parse(flag.NewFlagSet("version", flag.ContinueOnError), args, "", 0); err != nil {
		return err
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("this program was built without module information")
	}
	fmt.Println(strings.TrimSpace("gopherlens " + info.Main.Version + " " + revision(info)))
	fmt.Println(info.GoVersion)
	for _, module := range info.Deps {
		if slices.Contains(told, module.Path) {
			fmt.Println(module.Path, module.Version)
		}
	}
	return nil
}

// revision returns the commit that was built, if Go recorded it.
func revision(info *debug.BuildInfo) string {
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return "commit " + setting.Value
		}
	}
	return ""
}
