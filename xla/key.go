//go:build cgo

package xla

// #include "plugin.h"
import "C"

import (
	"slices"
	"strconv"
	"unsafe"

	"gopherlens/internal/codecache"
)

// key is what decides the code of a program that is to be compiled. There is none where something
// is given that this package knows nothing of, such as a longer list of arguments or an extension,
// and where the environment changed, of which nobody knows when XLA read it.
func (p *plugin) key(args *C.PJRT_Client_Compile_Args) (key codecache.Key, ok bool) {
	if args.struct_size != C.PJRT_Client_Compile_Args_STRUCT_SIZE || args.extension_start != nil ||
		args.program.struct_size != C.PJRT_Program_STRUCT_SIZE || args.program.extension_start != nil {
		return key, false
	}
	client, ok := p.describe(args.client)
	variables, known := environment()
	if !ok || !known || variables != p.environment {
		return key, false
	}
	format := view(args.program.format, args.program.format_size)
	code := view(args.program.code, args.program.code_size)
	options := view(args.compile_options, args.compile_options_size)
	parts := slices.Concat(p.fixed, client, [][]byte{[]byte(variables), format, options, nameless(code)})
	return codecache.KeyOf(parts...), true
}

// describe is what a client brings: its platform, and how many devices it has of which kind.
func (p *plugin) describe(client *C.PJRT_Client) (parts [][]byte, ok bool) {
	var name, version, kind C.gopherlens_text
	if !C.gopherlens_platform(p.real, client, &name, &version) {
		return nil, false
	}
	parts = append(parts, view(name.bytes, name.size), view(version.bytes, version.size))
	var devices **C.PJRT_Device
	var n C.size_t
	if !C.gopherlens_devices(p.real, client, &devices, &n) {
		return nil, false
	}
	for _, device := range unsafe.Slice(devices, int(n)) {
		if !C.gopherlens_kind(p.real, device, &kind) {
			return nil, false
		}
		parts = append(parts, view(kind.bytes, kind.size))
	}
	return append(parts, []byte(strconv.Itoa(int(n)))), true
}
