package setup

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopherlens/internal/wholefile"
)

// goShimText is the go command that the kernel finds first. Before every cell
// GoNB runs a bare "go get", which takes about 0.3 s and may ask the network;
// %noautoget turns that off, but only from within a notebook. The kernel's
// workspace already holds every module that this repository uses. The command also
// explains errors that somebody new to Go, or to GoNB, would not understand. What builds is
// internal/cellbuild.
const goShimText = `#!/bin/sh
# Written by gopherlens setup. GoNB runs a bare "go get" before each cell; all
# that a cell needs is in its workspace, so that one is left out. To add a module
# to a notebook: !*go get MODULE@VERSION
if [ $# = 1 ] && [ "$1" = get ]; then exit 0; fi
if [ "$1" != build ] || [ ! -f main.go ] || [ -z "$GONB_TMP_DIR" ]; then exec "@GO@" "$@"; fi

# A cell computes in the resident worker, and needs no backend of its own (hooked/load_purego.go),
# nor any C, which would be linked in each cell; nor tables for debuggers, which take the linker a
# sixth of its time though it writes none.
without=
case "$GOPHERLENS_RESIDENT $GOFLAGS" in
"off "* | *-tags=*) ;;
*)
	case "$GOFLAGS" in *-gcflags=*) ;; *) GOFLAGS="$GOFLAGS -gcflags=all=-dwarf=false" ;; esac
	export GOFLAGS="$GOFLAGS -tags=gopherlens_cell"
	if [ -z "$CGO_ENABLED" ]; then export CGO_ENABLED=0 without=C; fi ;;
esac

# Of variables that are declared together GoNB drops all when one is declared anew, and
# later cells find the others undefined. Those of the cells so far are noted, to say so.
pairs="$GONB_TMP_DIR/gopherlens-pairs"
output=$("@BUILD@" "@GO@" "$@" 2>&1)
status=$?
if [ $status != 0 ] && [ $without ]; then
	case "$output" in *'build constraints exclude all Go files'* | *'import "C"'*) # some package has C
		unset CGO_ENABLED
		output=$("@BUILD@" "@GO@" "$@" 2>&1)
		status=$? ;;
	esac
fi
if [ -n "$output" ]; then printf '%s\n' "$output"; fi
if [ $status = 0 ]; then
	sed -n 's/^var /	/; s/^	\([A-Za-z_0-9]*\(, *[A-Za-z_0-9]*\)\{1,\}\) = .*/\1/p' main.go >>"$pairs"
else
	undefined=$(printf '%s\n' "$output" | sed -n 's/^.*: undefined: \([A-Za-z_0-9]*\)$/\1/p' | sort -u)
	for name in $undefined; do
		together=$(grep -w -s -- "$name" "$pairs" | tail -n 1)
		if [ -n "$together" ]; then
			echo "$name was declared together with others ($together): when a cell declares one of them anew, the kernel drops all"
		elif grep -q -E "(^|[^A-Za-z0-9_.])$name\.[A-Z]" main.go; then
			echo "$name: no package of this name that is known here has what the cell takes from it: look at the name behind the dot, or import the package"
		fi
	done
	printf '%s\n' "$output" | awk -f "${0%/*}/explain.awk" main.go -
fi
exit $status
`

// explainText is what the go command says of errors that it need not remember other cells for.
//
//go:embed explain.awk
var explainText string

// A goCommand is the Go installation that cells are compiled with.
type goCommand struct {
	Root  string `json:"GOROOT"`
	Flags string `json:"GOFLAGS"` // of the environment, or of the user's go env -w
}

// findGo asks the go command in PATH about itself. The answer does not depend on
// how it was found: a notebook's shell finds the shim first.
func findGo(ctx context.Context) (goCommand, error) {
	var found goCommand
	output, err := command{args: []string{"go", "env", "-json", "GOROOT", "GOFLAGS"}}.run(ctx)
	if err != nil {
		return found, fmt.Errorf("install Go 1.26.5 or newer and put its bin folder into PATH: %w", err)
	}
	return found, json.Unmarshal([]byte(output), &found)
}

func (g goCommand) bin() string { return filepath.Join(g.Root, "bin") }

// goShim returns the text of the kernel's go command.
func (s *Setup) goShim(g goCommand) string {
	return strings.NewReplacer("@BUILD@", s.Repo.cellbuild(), "@GO@", filepath.Join(g.bin(), "go")).Replace(goShimText)
}

// shimTexts are the commands that the kernel finds before those that they call, and what they use,
// by name.
func (s *Setup) shimTexts(g goCommand) map[string]string {
	return map[string]string{"go": s.goShim(g), "explain.awk": explainText, "goimports": s.importShim()}
}

// hasShims tells whether the kernel's commands are in place.
func (s *Setup) hasShims(g goCommand) bool {
	for name, want := range s.shimTexts(g) {
		have, err := os.ReadFile(filepath.Join(s.Repo.shims(), name))
		if err != nil || string(have) != want {
			return false
		}
	}
	return true
}

// writeShims puts the kernel's commands in place.
func (s *Setup) writeShims(g goCommand) error {
	if err := os.MkdirAll(s.Repo.shims(), 0o755); err != nil {
		return err
	}
	for name, text := range s.shimTexts(g) {
		if err := wholefile.WriteBytes(filepath.Join(s.Repo.shims(), name), 0o755, []byte(text)); err != nil {
			return err
		}
	}
	return nil
}
