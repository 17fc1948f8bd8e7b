package backend

import (
	"maps"
	"os"
	"slices"

	"github.com/gomlx/compute"
)

// Default is the name under which the process's backend is registered with GoMLX, and GoMLX's
// default configuration: compute.MustNew() returns what New does.
const Default = "gopherlens"

// constructors open a backend of its own, by name. They are filled while packages are initialised.
var constructors = map[string]compute.Constructor{}

func init() {
	compute.Register(Default, func(string) (compute.Backend, error) {
		b, _, err := New()
		return b, err
	})
	compute.DefaultConfig = Default
	// GoMLX takes a variable that is set to nothing for the backend that happened to be
	// registered first; here it is as good as unset.
	if value, set := os.LookupEnv(compute.ConfigEnvVar); set && value == "" {
		os.Unsetenv(compute.ConfigEnvVar)
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
		if name != Default && constructors[name] == nil { // registered with GoMLX alone
			names = append(names, name)
		}
	}
	return names
}
