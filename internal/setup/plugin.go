package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gomlx/compute"
)

// PluginNames are those that --plugin takes.
func PluginNames() []string {
	var names []string
	for _, p := range plugins {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// CheckPlugins tells what is wrong with a list of plugins that somebody asks for.
func CheckPlugins(names []string) error {
	places := map[string]string{}
	for _, name := range names {
		i := slices.IndexFunc(plugins, func(p Plugin) bool { return p.Name == name })
		if i < 0 {
			return fmt.Errorf("there is no plugin %q; there are: %s", name, strings.Join(PluginNames(), ", "))
		}
		here, why := pluginHere(name)
		if why != "" {
			return fmt.Errorf("plugin %s: %s", name, why)
		}
		place := filepath.Join(here.Library.Target...)
		if other, taken := places[place]; taken && other != name {
			return fmt.Errorf("plugins %s and %s have one place; ask for one of them", other, name)
		}
		places[place] = name
	}
	return nil
}

// platform is the one that this program runs on. A variable for tests.
var platform = func() string { return runtime.GOOS + "/" + runtime.GOARCH }

// pluginHere returns this platform's build of a plugin, or why there is none.
func pluginHere(name string) (here Plugin, why string) {
	var platforms []string
	for _, p := range plugins {
		if p.Name != name {
			continue
		}
		if p.Platform == platform() {
			return p, ""
		}
		platforms = append(platforms, p.Platform)
	}
	return Plugin{}, fmt.Sprintf("a build whose checksum is known exists for %s, not for %s",
		strings.Join(platforms, " and "), platform())
}

// pluginSteps are set-up's steps for plugins, one for each name.
func pluginSteps() []step {
	var steps []step
	for _, name := range PluginNames() {
		first := plugins[slices.IndexFunc(plugins, func(p Plugin) bool { return p.Name == name })]
		one := step{
			name:    "XLA's plugin for " + first.For,
			untried: !first.Tried,
			where: func(*Setup) (string, error) {
				if here, why := pluginHere(name); why == "" {
					return here.Library.Path()
				}
				return "", nil
			},
			skip: func(s *Setup) string { return withoutPlugin(s, name) },
			done: func(context.Context, *Setup) (bool, error) {
				here, _ := pluginHere(name)
				return here.done()
			},
			do: func(ctx context.Context, s *Setup) error {
				here, _ := pluginHere(name)
				return here.install(ctx, s)
			},
		}
		if first.Everywhere {
			one.optional = "models run on GoMLX's pure Go backend, which is slower"
		}
		steps = append(steps, one)
	}
	return steps
}

// withoutPlugin says why a plugin is not installed, where it is not.
func withoutPlugin(s *Setup, name string) string {
	here, why := pluginHere(name)
	switch {
	case why != "":
		return why + pluginAdvice(name)
	case !s.XLA:
		return "gopherlens was built without a C compiler, and so without XLA"
	case !here.Everywhere && !slices.Contains(s.Plugins, name):
		return "not asked for: gopherlens setup --plugin " + name + here.needs()
	}
	return ""
}

// pluginAdvice says what a machine without a plugin for its processor gets.
func pluginAdvice(name string) string {
	if name != "cpu" {
		return ""
	}
	return "; models run on GoMLX's pure Go backend, or on a plugin of yours whose folder PJRT_PLUGIN_LIBRARY_PATH names"
}

func (p Plugin) needs() string {
	if p.Needs == "" {
		return ""
	}
	return "; it needs " + p.Needs
}

func (p Plugin) done() (bool, error) {
	if done, err := p.Library.Present(); !done || err != nil || p.Packages == "" {
		return done, err
	}
	return p.librariesDone()
}

// install gets the plugin and what it loads. One that computes everywhere is tried; the others are
// not, as a container is often built without their device.
func (p Plugin) install(ctx context.Context, s *Setup) error {
	if p.Packages != "" {
		if err := p.installLibraries(ctx, s); err != nil {
			return err
		}
	}
	if err := p.Library.install(ctx, s); err != nil {
		return err
	}
	if !p.Everywhere {
		return nil
	}
	return p.try(ctx, s)
}

// try opens the installed plugin in a child, multiplies two matrices and
// compares the product. It removes a plugin that fails.
func (p Plugin) try(ctx context.Context, s *Setup) error {
	path, err := p.Library.Path()
	if err != nil {
		return err
	}
	probe := command{
		env:  []string{compute.ConfigEnvVar + "=xla:" + path},
		args: []string{s.Self, "doctor", "--probe"},
	}
	if _, err := probe.run(ctx); err != nil {
		return errors.Join(fmt.Errorf("the plugin does not compute here: %w", err), removePlugins(path))
	}
	return nil
}

// removePlugins removes a plugin under all its names: go-xla's installer, which
// set-up once used, added a version to it and linked to that.
func removePlugins(path string) error {
	versions := strings.Replace(path, "_plugin.", "*_plugin.", 1)
	files, _ := filepath.Glob(versions) // a bad pattern is that of a folder named with a bracket
	var errs []error
	for _, file := range files {
		errs = append(errs, os.Remove(file))
	}
	return errors.Join(errs...)
}
