package version_test

import (
	"os"
	"regexp"
	"runtime/debug"
	"testing"

	"gopherlens/internal/version"
)

// TestChangelog holds the version against the newest release notes, and the module's path, which
// a major version above 1 would be part of (semantic import versioning).
func TestChangelog(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^## (v\d+\.\d+\.\d+)\b`).FindStringSubmatch(string(text))
	if m == nil || m[1] != version.Number {
		t.Errorf("CHANGELOG.md begins with %q, this is %s", m, version.Number)
	}
	if !regexp.MustCompile(`^v[01]\.(0|[1-9]\d*)\.(0|[1-9]\d*)$`).MatchString(version.Number) {
		t.Errorf("%q is no version of a module whose path ends in no major version", version.Number)
	}
}

func TestString(t *testing.T) {
	settings := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}
	for built, want := range map[string]string{
		"v0.3.1":  "v0.3.1",
		"(devel)": version.Number + ", from a checkout, commit abc, with changes",
		"":        version.Number + ", from a checkout, commit abc, with changes",
		"v0.0.0-20261128183000-0123456789ab+dirty": version.Number + ", from a checkout, commit abc, with changes",
		"v0.0.0-20261128183000-0123456789ab":       version.Number + ", from a checkout, commit abc, with changes",
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: built}, Settings: settings}
		if got := version.String(info); got != want {
			t.Errorf("built as %q: %q, want %q", built, got, want)
		}
	}
}
