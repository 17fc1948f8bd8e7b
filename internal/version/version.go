// Package version is the one place that says which version this is.
package version

import (
	"runtime/debug"
	"strings"
)

// Number is the version that this checkout is, or is becoming: CHANGELOG.md begins with it. A major
// version above 1 would be part of the module's path.
const Number = "v0.1.0"

// String is the version of a program that was built from the module: Number, and of a checkout the
// commit, if Go recorded it.
func String(info *debug.BuildInfo) string {
	if built := info.Main.Version; built != "" && built != "(devel)" && !strings.Contains(built, "+dirty") && !pseudo(built) {
		return built // installed by its version
	}
	text := Number + ", from a checkout"
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			text += ", commit " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			text += ", with changes"
		}
	}
	return text
}

// pseudo tells whether Go made the version up for a commit: v0.0.0-20261128183000-0123456789ab.
func pseudo(v string) bool { return strings.Count(v, "-") >= 2 }
