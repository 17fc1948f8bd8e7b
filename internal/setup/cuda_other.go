//go:build !(linux && amd64)

package setup

import "errors"

// installUpstreamCUDA refuses: go-xla has the CUDA plugin for Linux on amd64 only.
func installUpstreamCUDA(string) error {
	return errors.New("XLA's plugin for Nvidia cards exists for linux/amd64 only")
}
