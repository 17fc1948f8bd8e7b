package setup

import "github.com/gomlx/go-xla/installer"

// installUpstreamCUDA fetches JAX's CUDA plugin and Nvidia's libraries into dir.
func installUpstreamCUDA(dir string) error {
	return installer.CudaInstall("cuda13", "latest", dir, false, installer.Quiet)
}
