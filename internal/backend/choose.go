package backend

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"gopherlens/internal/switches"
)

// Names under which backends register themselves with GoMLX.
const (
	xlaName      = "xla"
	goName       = "go"
	residentName = "resident"
)

// XLANames holds every name of go-xla's backend.
var XLANames = []string{xlaName, "stablehlo", "hlo", "shlo"}

// ResidentEnv is the environment variable that, set to "off", makes notebook
// cells compute in their own process.
const ResidentEnv = "GOPHERLENS_RESIDENT"

// notebookEnv is set by GoNB in the process of every cell.
const notebookEnv = "GONB_PIPE"

// A Choice is a GoMLX backend and the reason for it.
type Choice struct {
	Config string // as GOMLX_BACKEND holds it, "xla:/path/to/plugin.so" or "go"
	Why    string // one sentence for a reader
}

// Name returns the backend's name, the part of Config before the first colon.
func (c Choice) Name() string {
	name, _, _ := strings.Cut(c.Config, ":")
	return name
}

// Choose returns the backend that New would open. It looks at the environment,
// at the backends linked into the program and at plugin files, and opens none.
func Choose() (Choice, error) {
	return chooseIn(os.Getenv(notebookEnv) != "")
}

// ChooseInNotebook returns the backend that New would open if this program were
// a notebook's cell.
func ChooseInNotebook() (Choice, error) { return chooseIn(true) }

// chooseIn decides for a notebook's cell or for a program of its own.
func chooseIn(notebook bool) (Choice, error) {
	linked := linked()
	if len(linked) == 0 {
		return Choice{}, fmt.Errorf("no GoMLX backend is linked into this program; import one, such as %q", "gopherlens/xla")
	}
	off, err := switches.Off(ResidentEnv, "the resident worker")
	if err != nil {
		return Choice{}, err
	}
	if !notebook && !workerOnly(linked) || off || !slices.Contains(linked, residentName) {
		return choose(linked)
	}
	// The worker links the real backends; this process need not.
	inner, err := choose(append([]string{residentName, goName}, XLANames...))
	if err != nil || inner.Name() == residentName {
		return inner, err
	}
	why := inner.Why + ", in the resident worker"
	if notebook {
		why += " (" + ResidentEnv + "=off to do without)"
	}
	return Choice{Config: residentName + ":" + inner.Config, Why: why}, nil
}

// workerOnly tells whether a program links the resident client and no backend
// that computes.
func workerOnly(linked []string) bool {
	return !slices.ContainsFunc(linked, func(name string) bool { return name != residentName })
}

// choose applies the package's rule to a program with these backends linked.
func choose(linked []string) (Choice, error) {
	if config := os.Getenv(compute.ConfigEnvVar); config != "" && config != Default {
		return given(compute.ConfigEnvVar, config, linked)
	}
	if config := compute.DefaultConfig; config != "" && config != Default {
		return given("compute.DefaultConfig", config, linked)
	}
	return best(linked)
}

// best is the rule where nothing was asked for.
func best(linked []string) (Choice, error) {
	if !slices.Contains(linked, xlaName) {
		return fallback(linked, `XLA is not linked into this program; import _ "gopherlens/xla" for it`)
	}
	plugin, found := FindPlugin()
	if !found {
		return fallback(linked, "no PJRT plugin was found; `gopherlens setup` installs one")
	}
	return Choice{Config: xlaName + ":" + plugin.Path, Why: "PJRT plugin found in " + filepath.Dir(plugin.Path)}, nil
}

// fallback is the choice where XLA is out: pure Go, or whatever else is linked.
func fallback(linked []string, why string) (Choice, error) {
	if slices.Contains(linked, goName) {
		return Choice{Config: PureGo, Why: why}, nil
	}
	return Choice{}, fmt.Errorf("%s, and neither is GoMLX's pure Go backend; set %s to one of: %s",
		why, compute.ConfigEnvVar, names(linked))
}

// given checks what the user asked for in a variable, so that a slip is told here
// in plain words and not by a panic in GoMLX or a download in go-xla.
func given(variable, config string, linked []string) (Choice, error) {
	resolved, err := resolve(config, linked)
	if err != nil {
		return Choice{}, fmt.Errorf("%s=%q: %w", variable, config, err)
	}
	return Choice{Config: resolved, Why: variable + " is set"}, nil
}

// Resolve completes a configuration by the rule of this package: "xla:cpu" and "xla"
// become the path of a plugin, "go" runs its operations as PureGo says, and what
// stands behind "resident:" is completed alike, or chosen where nothing does.
func Resolve(config string) (string, error) {
	resolved, err := resolve(config, linked())
	if err != nil {
		return "", fmt.Errorf("backend %q: %w", config, err)
	}
	return resolved, nil
}

func resolve(config string, linked []string) (string, error) {
	name, rest, _ := strings.Cut(config, ":")
	switch {
	case !slices.Contains(linked, name):
		return "", fmt.Errorf("no backend %q in this program; it has: %s", name, names(linked))
	case name == residentName:
		inner, err := inWorker(rest)
		return residentName + ":" + inner, err
	case name == goName:
		return sequential(config), nil
	case !slices.Contains(XLANames, name):
		return config, nil
	}
	plugin, options, _ := strings.Cut(rest, ",")
	path, err := pluginPath(plugin)
	if err != nil {
		return "", err
	}
	if options != "" {
		path += "," + options
	}
	return name + ":" + path, nil
}

// inWorker completes the configuration of the backend that the resident worker runs,
// which may have others than those that are known here.
func inWorker(config string) (string, error) {
	known := append([]string{goName}, XLANames...)
	if config == "" {
		choice, err := best(known)
		return choice.Config, err
	}
	switch name, _, _ := strings.Cut(config, ":"); {
	case name == residentName || name == Default:
		return "", fmt.Errorf("the resident worker runs no backend %q; name one that computes: %s", name, names(known))
	case !slices.Contains(known, name):
		return config, nil
	}
	return resolve(config, known)
}

// PureGo is the configuration of GoMLX's pure Go backend. Operations run one after
// the other, large ones on all cores: run side by side, as is the default of
// compute v0.1.6, four matrix products on two cores wait for each other for ever,
// since each holds the worker that the others' parts need
// (internal/gobackend/workerspool, Pool.Saturate).
const PureGo = goName + ":ops_sequential"

// sequential makes a configuration of the pure Go backend say what PureGo says,
// unless it says how operations are to be run.
func sequential(config string) string {
	_, options, _ := strings.Cut(config, ":")
	switch {
	case strings.Contains(options, "ops_"):
		return config
	case options == "":
		return PureGo
	}
	return goName + ":" + options + ",ops_sequential"
}

// names lists backends for a reader, in a fixed order: GoMLX keeps them in a map.
func names(linked []string) string {
	sorted := slices.Sorted(slices.Values(linked))
	return strings.Join(sorted, ", ")
}
