package resident_test

import (
	"os"
	"testing"

	"github.com/gomlx/compute/support/backendtest"

	"gopherlens/internal/cachedir"
)

// pluginEnv names a PJRT plugin to test with, in the place of the cached one.
const pluginEnv = "GOPHERLENS_TEST_PLUGIN"

// xla returns the configuration of XLA on the installed plugin.
func xla(t testing.TB) string {
	t.Helper()
	path := os.Getenv(pluginEnv)
	if path == "" {
		var err error
		if path, err = cachedir.Join("pjrt", "pjrt_c_api_cpu_plugin.so"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no PJRT plugin is installed (%s): run make setup, or set %s", path, pluginEnv)
	}
	return "xla:" + path
}

// TestUpstreamGo runs the suite that GoMLX holds its own backends to.
func TestUpstreamGo(t *testing.T) {
	newSession(t)
	backendtest.RunAll(t, connect(t, "go:"), nil)
}

func TestUpstreamXLA(t *testing.T) {
	config := xla(t)
	newSession(t)
	backendtest.RunAll(t, connect(t, config), nil)
}
