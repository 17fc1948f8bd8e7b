//go:build cgo

package xla

// #include "plugin.h"
import "C"

import (
	"time"
	"unsafe"

	"gopherlens/internal/codecache"
)

// gopherlensCompile compiles for a client of the plugin of this number, or finds what was compiled.
//
//export gopherlensCompile
func gopherlensCompile(number C.int, args *C.PJRT_Client_Compile_Args) *C.PJRT_Error {
	wrapped.Lock()
	p := wrapped.plugins[number]
	wrapped.Unlock()
	if p.store == nil {
		return p.compile(args)
	}
	key, ok := p.key(args)
	if ok && p.load(args, key) {
		return nil
	}
	if err := p.compile(args); err != nil {
		return err
	}
	if !ok || !p.keep(args.executable, key) {
		codecache.CountUnkept()
	}
	return nil
}

// compile is the plugin's own compiler.
func (p *plugin) compile(args *C.PJRT_Client_Compile_Args) *C.PJRT_Error {
	start := time.Now()
	if err := C.gopherlens_compile(p.real, args); err != nil {
		return err
	}
	codecache.CountCompiled(time.Since(start))
	return nil
}

// load takes a program from disk.
func (p *plugin) load(args *C.PJRT_Client_Compile_Args, key codecache.Key) bool {
	start := time.Now()
	code, ok := p.store.Get(key)
	if !ok {
		return false
	}
	loaded := C.gopherlens_load(p.real, args.client, (*C.char)(unsafe.Pointer(unsafe.SliceData(code))), C.size_t(len(code)))
	if loaded == nil {
		p.store.Refuse(key)
		return false
	}
	codecache.CountLoaded(time.Since(start))
	args.executable = loaded
	return true
}

// keep puts a program on disk, and reports whether it is there.
func (p *plugin) keep(loaded *C.PJRT_LoadedExecutable, key codecache.Key) bool {
	var out C.PJRT_Executable_Serialize_Args
	if !C.gopherlens_serialize(p.real, loaded, &out) {
		return false
	}
	defer C.gopherlens_release(&out)
	return p.store.Put(key, view(out.serialized_bytes, out.serialized_bytes_size)) == nil
}

// view is C's bytes, without a copy.
func view(bytes *C.char, size C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(bytes)), int(size))
}
