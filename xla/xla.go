//go:build cgo

package xla

import (
	"path/filepath"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"

	"gopherlens/internal/backend"
)

func init() {
	for _, name := range backend.XLANames {
		backend.Register(name, open)
	}
}

// opening is held while a backend opens: go-xla's list of plugins has no lock against what is put
// into it.
var opening sync.Mutex

// open makes the backend of a plugin: "cpu", "cuda" or the path of its file, with go-xla's options
// after a comma. A name is looked for where set-up puts plugins, then where go-xla does.
func open(config string) (compute.Backend, error) {
	opening.Lock()
	defer opening.Unlock()
	plugin, options, found := strings.Cut(config, ",")
	if path, err := backend.PluginPath(plugin); err == nil {
		if plugin = path; found {
			options = "," + options
		}
		config = plugin + options
		if err := keepPrograms(plugin); err != nil {
			return nil, err
		}
	}
	if !strings.Contains(filepath.Base(plugin), "cpu") {
		return xla.New(config)
	}
	return xla.NewWithOptions(config, ofCPU)
}

// ofCPU are the options of XLA's client for CPUs. go-xla waits for each program before it begins
// the next, so that there is nothing to gain from a thread that the program is handed to: waking
// that one and being woken by it costs some 50 µs of the millisecond that a layer takes in a step
// of generation. The client keeps a thread for each core or device, of which it would have four,
// and more threads than cores are in each other's way: together 5 to 10 % of a run on two cores.
var ofCPU = pjrt.NamedValuesMap{
	"asynchronous":     false,
	"cpu_device_count": int64(1),
}
