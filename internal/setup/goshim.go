package setup

import (
	"context"
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
// explains an error that nobody would understand.
const goShimText = `#!/bin/sh
# Written by gopherlens setup. GoNB runs a bare "go get" before each cell; all
# that a cell needs is in its workspace, so that one is left out. To add a module
# to a notebook: !*go get MODULE@VERSION
if [ $# = 1 ] && [ "$1" = get ]; then exit 0; fi
if [ "$1" != build ] || [ ! -f main.go ] || [ -z "$GONB_TMP_DIR" ]; then exec "@GO@" "$@"; fi

# A cell computes in the resident worker, and needs no backend of its own (hooked/load_purego.go).
case "$GOPHERLENS_RESIDENT $GOFLAGS" in
off* | *-tags=*) ;;
*) export GOFLAGS="$GOFLAGS -tags=gopherlens_cell" ;;
esac

# Of variables that are declared together GoNB drops all when one is declared anew, and
# later cells find the others undefined. Those of the cells so far are noted, to say so.
pairs="$GONB_TMP_DIR/gopherlens-pairs"
output=$("@GO@" "$@" 2>&1)
status=$?
if [ -n "$output" ]; then printf '%s\n' "$output"; fi
if [ $status = 0 ]; then
	sed -n 's/^var /	/; s/^	\([A-Za-z_0-9]*\(, *[A-Za-z_0-9]*\)\{1,\}\) = .*/\1/p' main.go >>"$pairs"
else
	for name in $(printf '%s\n' "$output" | sed -n 's/^.*: undefined: \([A-Za-z_0-9]*\)$/\1/p' | sort -u); do
		together=$(grep -w -s -- "$name" "$pairs" | tail -n 1)
		if [ -n "$together" ]; then
			echo "$name was declared together with others ($together): when a cell declares one of them anew, the kernel drops all"
		fi
	done
fi
exit $status
`

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

// shim returns the text of the kernel's go command.
func (g goCommand) shim() string {
	return strings.ReplaceAll(goShimText, "@GO@", filepath.Join(g.bin(), "go"))
}

// hasGoShim tells whether the kernel's go command is in place.
func (s *Setup) hasGoShim(g goCommand) bool {
	have, err := os.ReadFile(s.goShimFile())
	return err == nil && string(have) == g.shim()
}

// writeGoShim puts the kernel's go command in place.
func (s *Setup) writeGoShim(g goCommand) error {
	if err := os.MkdirAll(s.Repo.shims(), 0o755); err != nil {
		return err
	}
	return wholefile.WriteBytes(s.goShimFile(), 0o755, []byte(g.shim()))
}

func (s *Setup) goShimFile() string { return filepath.Join(s.Repo.shims(), "go") }
