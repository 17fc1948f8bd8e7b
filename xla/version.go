//go:build cgo

package xla

import (
	"fmt"

	"github.com/gomlx/go-xla/pjrt"
)

// A Version is one of PJRT's C API.
type Version struct{ Major, Minor int }

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Built is the version of the header that go-xla v0.4.5 was written against. Go-xla calls what that
// header has without a look at what the plugin has, which is beyond the end of an older one's table.
var Built = Version{Major: 0, Minor: 104}

// PluginVersion loads the plugin of this path and returns the version of the API that it speaks, and
// an error where go-xla cannot call it: another major version, or an older minor one.
func PluginVersion(path string) (Version, error) {
	plugin, err := pjrt.GetPlugin(path)
	if err != nil {
		return Version{}, err
	}
	var has Version
	has.Major, has.Minor = plugin.Version()
	if has.Major != Built.Major || has.Minor < Built.Minor {
		return has, fmt.Errorf("plugin %s speaks version %v of PJRT's API, and this program needs %d.%d or newer: "+
			"use a plugin of a release of 2026", path, has, Built.Major, Built.Minor)
	}
	return has, nil
}
