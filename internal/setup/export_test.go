package setup

import "context"

// Single steps, for tests that must leave the others' work alone.
var (
	InstallKernel = installKernel
	KernelDone    = kernelDone
)

// KernelFile is where this checkout's kernel is for the user.
func (s *Setup) KernelFile() (string, error) { return whereKernel(s) }

// InstallModel downloads the default model.
func InstallModel(ctx context.Context, s *Setup) error { return DefaultModel.install(ctx, s) }

// InstallPlugin installs the CPU plugin from another wheel than the pinned one.
func InstallPlugin(ctx context.Context, s *Setup, wheel WheelFile) error {
	cpu := plugins[0]
	wheel.Target = cpu.Library.Target
	cpu.Library = wheel
	return cpu.install(ctx, s)
}

// ArrangeNvidia makes the folder of CUDA's libraries out of what pip has installed.
var ArrangeNvidia = arrangeNvidia

// Plugins is the table of plugins, PackageList a list that it names.
var (
	Plugins     = plugins
	PackageList = packageList
)

// OnPlatform makes set-up believe that it runs elsewhere, and returns what undoes it.
func OnPlatform(name string) (restore func()) {
	old := platform
	platform = func() string { return name }
	return func() { platform = old }
}

// Requirements is the list of Python packages.
func (r Repo) Requirements() string { return r.requirements() }

// Pip is a call of pip for packages with checksums.
func (s *Setup) Pip(verb string, args ...string) []string { return s.pip(verb, args...) }
