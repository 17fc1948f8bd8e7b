//go:build cgo

package xla

// #include <stdlib.h>
// #include "plugin.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// A Version is one of PJRT's C API.
type Version struct{ Major, Minor int }

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Built is the version that this program is built for, that of go-xla's header.
var Built = Version{C.PJRT_API_MAJOR, C.PJRT_API_MINOR}

// PluginVersion returns the version of the API that a plugin's file speaks. With another major
// version, or an older minor one, it is an error: go-xla calls whatever its header has, and an
// older plugin's table ends before that.
func PluginVersion(path string) (Version, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	api := C.gopherlens_open(name)
	if api == nil {
		return Version{}, fmt.Errorf("%s is no PJRT plugin, or a library that it needs is missing: ldd %s tells which", path, path)
	}
	has := Version{int(api.pjrt_api_version.major_version), int(api.pjrt_api_version.minor_version)}
	if has.Major != Built.Major || has.Minor < Built.Minor {
		return has, fmt.Errorf("the plugin %s speaks version %v of PJRT's API, and this program needs %v or a newer %d.x: "+
			"take a plugin of another release", path, has, Built, Built.Major)
	}
	return has, nil
}
