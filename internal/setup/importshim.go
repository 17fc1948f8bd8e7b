package setup

import (
	"path/filepath"
	"strings"
)

// importShimText is the goimports that the kernel finds first. GoNB forgets which packages it has
// found for the cells before, and goimports takes half a second to look for one in all modules of
// the workspace. Those that cells mostly take are written in before; goimports takes out what is
// not used after all. A name that the cell imports itself is left to it.
const importShimText = `#!/bin/sh
# Written by gopherlens setup: internal/setup/importshim.go says what for.
if [ $# = 2 ] && [ "$1" = -w ] && [ -f "$2" ] && [ -n "$GONB_TMP_DIR" ]; then
	awk -v paths="@PATHS@" '
		{ all = all $0 "\n" }
		END {
			n = split(paths, path, " ")
			for (i = 1; i <= n; i++) {
				name = path[i]; sub(/.*\//, "", name)
				if (all ~ ("(^|[^A-Za-z0-9_.\"/])" name "\\.[A-Z]") && all !~ ("[\"/]" name "\"|[ \t]" name "[ \t]+\""))
					found = found "\t\"" path[i] "\"\n"
			}
			if (found == "" || !sub(/^package main\n/, "", all))
				exit 1
			printf "package main\n\nimport (\n%s)\n%s", found, all
		}' "$2" >"$2.imports" && cat "$2.imports" >"$2"
	rm -f "$2.imports"
fi
exec "@GOIMPORTS@" "$@"
`

// CellPackages are the packages that cells find at once.
var CellPackages = []string{
	"github.com/gomlx/gomlx/core/graph",
	"gopherlens/hooked", "gopherlens/hooked/activations", "gopherlens/hooked/circuits", "gopherlens/hooked/corpus",
	"gopherlens/hooked/dashboard", "gopherlens/hooked/dictionary", "gopherlens/hooked/dictionary/fit", "gopherlens/hooked/edges",
	"gopherlens/hooked/examples", "gopherlens/hooked/fleet", "gopherlens/hooked/lens", "gopherlens/hooked/patching", "gopherlens/hooked/probe",
	"gopherlens/hooked/steer", "gopherlens/hooked/train", "gopherlens/plots", "gopherlens/tokenize",
}

// importShim returns the text of the kernel's goimports.
func (s *Setup) importShim() string {
	return strings.NewReplacer("@PATHS@", strings.Join(CellPackages, " "), "@GOIMPORTS@", filepath.Join(s.Repo.Bin(), "goimports")).Replace(importShimText)
}
