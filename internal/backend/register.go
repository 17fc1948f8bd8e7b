package backend

import (
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gomlx/compute"
)

// Default is the name under which the process's backend is registered with GoMLX, and GoMLX's
// default configuration: compute.MustNew() returns what New does.
const Default = "gopherlens"

// constructors open a backend of its own, by name. They are filled while packages are initialised.
var constructors = map[string]compute.Constructor{}

// standIn is the name that GOMLX_BACKEND begins with, where no package had registered that when
// this one was initialised: a notebook's cell links no XLA, and yet computes with it, in the
// worker.
var standIn string

func init() {
	compute.Register(Default, func(string) (compute.Backend, error) { return shared(Default) })
	compute.DefaultConfig = Default
	value, set := os.LookupEnv(compute.ConfigEnvVar)
	if set && value == "" {
		// GoMLX would take the backend that happens to be registered first.
		os.Unsetenv(compute.ConfigEnvVar)
		return
	}
	name, _, _ := strings.Cut(value, ":")
	if set && !slices.Contains(compute.List(), name) {
		standIn = name
		compute.Register(name, func(config string) (compute.Backend, error) { return shared(name + ":" + config) })
	}
}

// Register makes a backend known under a name, to this package and to GoMLX. Whoever asks GoMLX for
// a configuration that means the process's backend gets that, and for another one of its own, both
// by the rule of this package: plugins are found and operations run as for models.
func Register(name string, open compute.Constructor) {
	constructors[name] = open
	compute.Register(name, func(config string) (compute.Backend, error) { return shared(name + ":" + config) })
}

// shared opens a backend by its configuration, or returns the process's if that is the same.
func shared(config string) (compute.Backend, error) {
	asked := strings.TrimSuffix(config, ":")
	if asked == Default || asked == strings.TrimSuffix(os.Getenv(compute.ConfigEnvVar), ":") {
		b, _, err := New()
		return b, err
	}
	resolved, err := Resolve(config)
	if err != nil {
		return nil, err
	}
	if choice, err := Choose(); err == nil && choice.Config == resolved {
		b, _, err := New()
		return b, err
	}
	return open(resolved)
}

// linked lists the backends in this program.
func linked() []string {
	names := slices.Collect(maps.Keys(constructors))
	for _, name := range compute.List() {
		registeredElsewhere := constructors[name] == nil && name != Default && (name != standIn || hasXLA(name))
		if registeredElsewhere {
			names = append(names, name)
		}
	}
	return names
}

// hasXLA tells whether name is XLA's and go-xla is in the program, which registers itself after
// this package.
func hasXLA(name string) bool {
	if !slices.Contains(XLANames, name) {
		return false
	}
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Deps, func(m *debug.Module) bool { return m.Path == "github.com/gomlx/go-xla" })
}
