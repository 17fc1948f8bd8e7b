package setup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/installer"

	"gopherlens/internal/backend"
	"gopherlens/internal/cachedir"
)

// pluginWheel is a build of XLA's CPU plugin that go-xla v0.4.1 works with, for
// where its own installer cannot reach the site that it downloads from.
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

// How long upstream's installer may take: to reach its site, and in all.
const (
	reachTimeout   = 5 * time.Second
	installTimeout = 10 * time.Minute
)

// withoutXLA says why a plugin would be of no use.
func withoutXLA(s *Setup) string {
	if s.XLA {
		return ""
	}
	return "gopherlens was built without a C compiler, and so without XLA"
}

// pluginDone tells whether the CPU plugin is in the cache.
func pluginDone(context.Context, *Setup) (bool, error) {
	path, err := pluginWheel.Path()
	if err != nil {
		return false, err
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular(), nil
}

// installPlugin gets the CPU plugin from go-xla's installer, and from the wheel
// where that fails or what it brings does not compute.
func installPlugin(ctx context.Context, s *Setup) error {
	upstream := s.upstream(ctx)
	if upstream == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if platform := runtime.GOOS + "/" + runtime.GOARCH; platform != wheelPlatform {
		return fmt.Errorf("go-xla's installer: %w", upstream)
	}
	s.Status.Printf("  go-xla's installer could not bring it:\n    %s\n  taking it from the Python package %s %s\n",
		lastLine(upstream), pluginWheel.Package, pluginWheel.Version)
	if err := pluginWheel.install(ctx, s); err != nil {
		return err
	}
	return s.try(ctx)
}

// upstream runs go-xla's installer in a child, which can be stopped and whose
// output can be kept, and tries what it brought.
func (s *Setup) upstream(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, installTimeout,
		fmt.Errorf("not done after %.0f minutes", installTimeout.Minutes()))
	defer cancel()
	if _, err := (command{args: []string{s.Self, "setup", "-upstream-plugin", "cpu"}}).run(ctx); err != nil {
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
// installer adds a version to it and links to that.
func removePlugins(dir string) error {
	files, _ := filepath.Glob(filepath.Join(dir, "pjrt_c_api_cpu*_plugin.so")) // the pattern is good
	var errs []error
	for _, file := range files {
		errs = append(errs, os.Remove(file))
	}
	return errors.Join(errs...)
}

// upstreamInstallers are go-xla's functions by device.
var upstreamInstallers = map[string]func(dir string) error{
	"cpu":  func(dir string) error { return installer.CPUAutoInstall(dir, false, installer.Quiet) },
	"cuda": installUpstreamCUDA,
}

// InstallUpstream runs go-xla's installer for "cpu" or "cuda" into the cache. It
// is meant for a process of its own: it shortens how long the process's default
// HTTP client waits for a site to answer, and the installer prints.
func InstallUpstream(device string) error {
	install, ok := upstreamInstallers[device]
	if !ok {
		return fmt.Errorf("no installer for device %q; there is one for cpu and one for cuda", device)
	}
	dir, err := cachedir.Join("pjrt")
	if err != nil {
		return err
	}
	http.DefaultClient = impatientClient()
	return install(dir)
}

// impatientClient gives up on a site that does not answer, not on a slow one.
func impatientClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: reachTimeout}).DialContext
	transport.TLSHandshakeTimeout = reachTimeout
	transport.ResponseHeaderTimeout = 4 * reachTimeout
	return &http.Client{Transport: transport}
}

// lastLine shortens a failed command's error to what the command said last.
func lastLine(err error) string {
	text := err.Error()
	return text[strings.LastIndex(text, "\n")+1:]
}
