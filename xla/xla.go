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
		if _, err := PluginVersion(plugin); err != nil {
			return nil, err
		}
		if err := keepPrograms(plugin); err != nil {
			return nil, err
		}
	}
	config = inFloat32(config)
	if !strings.Contains(filepath.Base(plugin), "cpu") {
		return xla.New(config)
	}
	values, err := ofCPU()
	if err != nil {
		return nil, err
	}
	return xla.NewWithOptions(config, values)
}

// inFloat32 has products of float32 computed in float32, as PyTorch and TransformerLens do unless
// asked. Go-xla would take TF32 on Nvidia cards, which has 11 significant bits: a figure of a
// circuit would differ from card to card. GOMLX_BACKEND=xla:cuda,tf32 asks for it.
func inFloat32(config string) string {
	for option := range strings.SplitSeq(config, ",") {
		if name, _, _ := strings.Cut(option, "="); name == "tf32" {
			return config
		}
	}
	return config + ",tf32=false"
}

// ofCPU are the options of XLA's client for CPUs. go-xla waits for each program before it begins
// the next, so that there is nothing to gain from a thread that the program is handed to: waking
// that one and being woken by it costs some 50 µs of the millisecond that a layer takes in a step
// of generation. The client keeps a thread for each core or device, of which it would have four,
// and more threads than cores are in each other's way: together 5 to 10 % of a run on two cores.
func ofCPU() (pjrt.NamedValuesMap, error) {
	n, err := hostDevices()
	return pjrt.NamedValuesMap{"asynchronous": false, "cpu_device_count": int64(n)}, err
}
