package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/compute"

	"gopherlens/internal/backend"
)

// pluginWheel is a build of XLA's CPU plugin that go-xla v0.4.5 works with. go-xla's own
// installer is not used: it checks no checksum of what it downloads and loads.
var pluginWheel = WheelFile{
	Name:        "XLA's plugin for the CPU",
	Package:     "lammps-jax-pjrt-cpu",
	Version:     "0.11.2",
	WheelSHA256: "1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1",
	Member:      "lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so",
	SHA256:      "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2",
	Size:        201600336,
	Target:      []string{"pjrt", backend.PluginFile},
}

// wheelPlatform is the one platform that pluginWheel is for.
const wheelPlatform = "linux/amd64"

// withoutXLA says why a plugin would be of no use.
func withoutXLA(s *Setup) string {
	if s.XLA {
		return ""
	}
	return "gopherlens was built without a C compiler, and so without XLA"
}

// withoutPlugin says why the CPU plugin is not installed.
func withoutPlugin(s *Setup) string {
	if platform() != wheelPlatform {
		return fmt.Sprintf("no build for %s whose checksum is known; set PJRT_PLUGIN_LIBRARY_PATH to the folder of one of yours, "+
			"or models run on GoMLX's pure Go backend", platform())
	}
	return withoutXLA(s)
}

func wherePlugin(*Setup) (string, error) { return pluginWheel.Path() }

func pluginDone(context.Context, *Setup) (bool, error) { return pluginWheel.Present() }

// installPlugin gets the CPU plugin and tries whether it computes here.
func installPlugin(ctx context.Context, s *Setup) error {
	if err := pluginWheel.install(ctx, s); err != nil {
		return err
	}
	return s.try(ctx)
}

// try opens the installed plugin in a child, multiplies two matrices and
// compares the product. It removes a plugin that fails.
func (s *Setup) try(ctx context.Context) error {
	path, err := pluginWheel.Path()
	if err != nil {
		return err
	}
	probe := command{
		env:  []string{compute.ConfigEnvVar + "=xla:" + path},
		args: []string{s.Self, "doctor", "-probe"},
	}
	if _, err := probe.run(ctx); err != nil {
		return errors.Join(fmt.Errorf("the plugin does not compute here: %w", err), removePlugins(filepath.Dir(path)))
	}
	return nil
}

// removePlugins removes the CPU plugin from dir under all its names: go-xla's
// installer, which set-up once used, added a version to it and linked to that.
func removePlugins(dir string) error {
	files, _ := filepath.Glob(filepath.Join(dir, "pjrt_c_api_cpu*_plugin.so")) // the pattern is good
	var errs []error
	for _, file := range files {
		errs = append(errs, os.Remove(file))
	}
	return errors.Join(errs...)
}
