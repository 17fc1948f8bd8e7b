//go:build cgo

package xla

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "plugin.h"
*/
import "C"

import (
	"sync"
	"unsafe"

	"github.com/gomlx/go-xla/pjrt"

	"gopherlens/internal/codecache"
)

// This file puts the programs on disk in front of a plugin's compiler. go-xla asks a plugin for all
// it does through a table of functions, and takes a table that somebody else has opened
// (docs/upstream.md): a copy of the plugin's own in which one entry, the compiler, is ours.

// A plugin is one whose table is wrapped.
type plugin struct {
	real  *C.PJRT_Api
	store *codecache.Store
	fixed [][]byte // what decides all of its programs alike

	environment string // that it was opened in, which it may have read since
}

// wrapped are the plugins of this process: tables stay, as compiled programs and clients do.
var wrapped struct {
	sync.Mutex
	plugins []*plugin // by the number of their entry
	tried   map[string]bool
}

// keepPrograms makes the plugin of a file keep what it compiles, if it can. Where it cannot, go-xla
// uses the plugin as it is. It must be called before go-xla makes a client of it, and never beside
// itself or go-xla's own search for plugins.
func keepPrograms(path string) error {
	store, err := codecache.Open()
	if err != nil || store == nil || wrapped.tried[path] {
		return err
	}
	if wrapped.tried == nil {
		wrapped.tried = map[string]bool{}
	}
	wrapped.tried[path] = true
	id, err := codecache.Identify(path)
	if err != nil {
		return nil // go-xla says what is wrong with the file
	}
	// go-xla opens the plugin first, so that all it does for one, such as finding CUDA's libraries,
	// is done, and what it says of a broken one is said.
	if _, err := pjrt.GetPlugin(path); err != nil {
		return err
	}
	sum, err := store.Checksum(id)
	if err != nil {
		return nil
	}
	return wrap(path, store, sum)
}

// wrap registers a copy of an open plugin's table.
func wrap(path string, store *codecache.Store, sum []byte) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	real := C.gopherlens_open(name)
	if real == nil {
		return nil
	}
	wrapped.Lock()
	defer wrapped.Unlock()
	table := C.gopherlens_wrap(real, C.int(len(wrapped.plugins)))
	if table == nil {
		return nil
	}
	variables, ok := environment()
	version := real.pjrt_api_version
	fixed := fixedParts(sum, int(version.major_version), int(version.minor_version))
	if !ok || fixed == nil {
		return nil
	}
	wrapped.plugins = append(wrapped.plugins, &plugin{real: real, store: store, fixed: fixed, environment: variables})
	// A plugin that is not to be initialized twice stays as go-xla opened it.
	_ = pjrt.RegisterPreloadedPlugin(path, uintptr(unsafe.Pointer(table)))
	return nil
}
