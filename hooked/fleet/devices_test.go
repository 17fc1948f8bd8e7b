package fleet_test

import (
	"path/filepath"
	"testing"

	"gopherlens/hooked/fleet"
	"gopherlens/internal/backend"
	"gopherlens/internal/golden"
)

// TestWorkerOnDevices harvests with a worker that computes on one device, and with one that cuts
// its batches over two.
func TestWorkerOnDevices(t *testing.T) {
	plugin, ok := golden.Plugin()
	if !ok {
		t.Skip("no PJRT plugin is installed, so XLA is not tested: run `make setup`")
	}
	m, folder, rows := tiny(t), t.TempDir(), rowsOf(t, 24, 9)
	for devices, env := range map[string][]string{
		"1": nil,
		"2": {childDevices + "=2", "XLA_FLAGS=--xla_force_host_platform_device_count=2"},
	} {
		c := startCluster(t, 1)
		startWorker(t, c.url(), t.TempDir(), 0, append(env, "GOMLX_BACKEND=xla:"+plugin)...)
		f := fleet.New(fleet.NATS(c.url()), fleet.Backend(backend.Kind("xla:"+plugin)))
		defer f.Close()
		got := config(filepath.Join(folder, devices))
		got.On = f
		harvest(t, m, rows, got)
	}
	sameFiles(t, filepath.Join(folder, "2"), filepath.Join(folder, "1"))
}
