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
	store *codecache.Store // nil: nothing is kept
	fixed [][]byte         // what decides all of its programs alike

	environment string // that it was opened in, which it may have read since
}

// wrapped are the plugins of this process: tables stay, as compiled programs and clients do.
var wrapped struct {
	sync.Mutex
	plugins []*plugin // by the number of their entry
	paths   map[string]bool
}

// keepPrograms makes the plugin of a file keep what it compiles, if it can. It must be called
// before go-xla makes a client of it, and never beside itself or go-xla's own search for plugins.
func keepPrograms(path string) error {
	store, err := codecache.Open()
	if err != nil || wrapped.paths[path] {
		return err
	}
	id, err := codecache.Identify(path)
	if err != nil {
		return err
	}
	// go-xla opens the plugin first, so that all it does for one, such as finding CUDA's libraries,
	// is done, and what it says of a broken one is said.
	if _, err := pjrt.GetPlugin(path); err != nil {
		return err
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if real := C.gopherlens_open(name); real != nil {
		register(path, newPlugin(real, store, id))
	}
	if wrapped.paths == nil {
		wrapped.paths = map[string]bool{}
	}
	wrapped.paths[path] = true
	return nil
}

// newPlugin settles whether a plugin's programs are kept, and by what they are known.
func newPlugin(real *C.PJRT_Api, store *codecache.Store, id codecache.Identity) *plugin {
	p := &plugin{real: real}
	if store == nil || !keeps(unsafe.Pointer(real)) {
		return p
	}
	variables, ok := environment()
	sum, err := store.Checksum(id)
	if !ok || err != nil {
		return p
	}
	version := real.pjrt_api_version
	if p.fixed = fixedParts(sum, int(version.major_version), int(version.minor_version)); p.fixed != nil {
		p.store, p.environment = store, variables
	}
	return p
}

// register gives go-xla a copy of a plugin's table. Where it does not take that, as from a plugin
// that is not to be initialized twice, the plugin stays as go-xla opened it.
func register(path string, p *plugin) {
	wrapped.Lock()
	defer wrapped.Unlock()
	table := wrapTable(unsafe.Pointer(p.real), len(wrapped.plugins))
	if table == nil {
		return
	}
	wrapped.plugins = append(wrapped.plugins, p)
	_ = pjrt.RegisterPreloadedPlugin(path, uintptr(table))
}
