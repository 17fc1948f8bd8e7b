package setup

import "context"

// Single steps, for tests that must leave the others' work alone.
var (
	InstallKernel = installKernel
	KernelDone    = kernelDone
)

// InstallModel downloads the default model.
func InstallModel(ctx context.Context, s *Setup) error { return DefaultModel.install(ctx, s) }

// InstallPlugin installs the CPU plugin.
func InstallPlugin(ctx context.Context, s *Setup) error { return installPlugin(ctx, s) }
