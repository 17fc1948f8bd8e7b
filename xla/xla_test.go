//go:build cgo

package xla

import (
	"testing"

	"github.com/gomlx/compute"
	_ "gopherlens/internal/purego"

	"gopherlens/internal/backend"
	"gopherlens/internal/golden"
)

// The client's own choice for a CPU is several devices with as many threads: one device says that
// it took the options.
func TestOneDevice(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		if n := be.NumDevices(); n != 1 {
			t.Errorf("%s has %d devices, want one", be.Description(), n)
		}
	})
}

func TestNoSuchPlugin(t *testing.T) {
	for _, name := range backend.XLANames {
		if _, err := compute.NewWithConfig(name + ":/nowhere/pjrt_c_api_cpu_plugin.so"); err == nil {
			t.Errorf("%s: opening a plugin that is not there succeeded", name)
		}
	}
}
