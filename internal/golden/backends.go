package golden

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/internal/backend"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/devices"
)

// residentEnv, where it is set, makes tests compute in the resident worker: `make test-resident`.
const residentEnv = "GOPHERLENS_TEST_RESIDENT"

// xlaEnv, where it is set, makes tests run on XLA whatever they run on pure Go: `make test-xla`.
const xlaEnv = "GOPHERLENS_TEST_XLA"

// GridEnv, where it is set, makes tests on XLA spread over devices, and leaves out those on pure
// Go: "2x1" cuts batches in two, "1x4" weights in four. XLA must have as many devices.
const GridEnv = "GOPHERLENS_TEST_GRID"

// LeftOut reports whether a test leaves a case to pure Go. XLA takes a second to compile a program,
// so that most tests run on it what depends on the backend, and the whole with `make test-xla`.
func LeftOut(be compute.Backend, name string, onXLA ...string) bool {
	return !IsPureGo(be) && os.Getenv(xlaEnv) == "" && !slices.Contains(onXLA, name)
}

// IsPureGo reports whether a backend is GoMLX's in pure Go, in this process. Its name is not the
// one by which it is asked for.
func IsPureGo(be compute.Backend) bool { return be.Name() == "Go Backend" }

// OnBackends runs a test on the pure Go backend and, if a PJRT plugin is installed, on XLA. The
// test must link both.
func OnBackends(t *testing.T, test func(t *testing.T, be compute.Backend)) {
	t.Helper()
	t.Run("go", func(t *testing.T) {
		if os.Getenv(GridEnv) != "" {
			t.Skip(GridEnv + " is set")
		}
		test(t, PureGo(t))
	})
	t.Run("xla", func(t *testing.T) {
		plugin, ok := Plugin()
		if !ok {
			t.Skip("no PJRT plugin is installed, so XLA is not tested: run `make setup`")
		}
		test(t, open(t, "xla:"+plugin))
	})
}

// PureGo is the pure Go backend, for what does not depend on the backend.
func PureGo(t testing.TB) compute.Backend { return open(t, backend.PureGo) }

// pluginEnv names a PJRT plugin to test with, in the place of the one that set-up installed, with
// go-xla's options after a comma: scripts/gpu-check.
const pluginEnv = "GOPHERLENS_TEST_PLUGIN"

// Plugin is the plugin to test with, as it stands behind "xla:".
func Plugin() (config string, ok bool) {
	if config = os.Getenv(pluginEnv); config != "" {
		return config, true
	}
	plugin, ok := backend.FindPlugin()
	return plugin.Path, ok
}

// defaultModel is the file of the default model in the user's cache.
const defaultModel = "models/SmolLM2-135M-Instruct.Q4_1.gguf"

// ForDefaultModel is XLA, for a test that loads the default model; the test is skipped where set-up
// has not installed both.
func ForDefaultModel(t testing.TB) compute.Backend {
	t.Helper()
	path, err := cachedir.Join(defaultModel)
	if err != nil {
		t.Fatal(err)
	}
	plugin, ok := Plugin()
	if _, err := os.Stat(path); err != nil || !ok {
		t.Skip("the default model or the PJRT plugin is not installed: run `make setup`")
	}
	return open(t, "xla:"+plugin)
}

var opened sync.Map // config -> compute.Backend: one of each for the process, as in a program

func open(t testing.TB, config string) compute.Backend {
	t.Helper()
	if be, ok := opened.Load(config); ok {
		return be.(compute.Backend)
	}
	if os.Getenv(residentEnv) != "" {
		config = "resident:" + config
	}
	be, err := compute.NewWithConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if grid := os.Getenv(GridEnv); grid != "" && !IsPureGo(be) {
		be = spread(t, be, grid)
	}
	opened.Store(config, be)
	return be
}

// spread is a backend on a grid of another's devices.
func spread(t testing.TB, be compute.Backend, text string) compute.Backend {
	var grid devices.Grid
	if _, err := fmt.Sscanf(text, "%dx%d", &grid.Batch, &grid.Weights); err != nil {
		t.Fatalf("%s=%s: want two numbers such as 2x1", GridEnv, text)
	}
	on, err := devices.New(be, grid)
	if err != nil {
		t.Fatal(err)
	}
	return on
}
