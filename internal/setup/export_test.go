package setup

import "context"

// Single steps, for tests that must leave the others' work alone.
var (
	InstallKernel = installKernel
	KernelDone    = kernelDone
)

// InstallModel downloads the default model.
func InstallModel(ctx context.Context, s *Setup) error { return DefaultModel.install(ctx, s) }

// InstallPlugin installs a CPU plugin from another wheel than the pinned one.
func InstallPlugin(ctx context.Context, s *Setup, wheel WheelFile) error {
	defer func(pinned WheelFile) { pluginWheel = pinned }(pluginWheel)
	wheel.Target = pluginWheel.Target
	pluginWheel = wheel
	return installPlugin(ctx, s)
}

// ArrangeCUDA makes the folder of the CUDA plugin out of what pip has installed.
var ArrangeCUDA = arrangeCUDA

// Requirements is the list of Python packages.
func (r Repo) Requirements() string { return r.requirements() }

// Pip is a call of pip for packages with checksums.
func (s *Setup) Pip(verb string, args ...string) []string { return s.pip(verb, args...) }

// CUDAPackages is the list of the CUDA plugin's packages.
var CUDAPackages = cudaPackages
