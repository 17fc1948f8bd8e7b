//go:build cgo

package xla

// #include "plugin.h"
import "C"

import "unsafe"

// tableSize is the size of a plugin's table as the header knows it.
const tableSize = C.sizeof_PJRT_Api

// wrapTable copies a plugin's table and puts the entry of this number in the place of its
// compiler's. It is nil for a plugin that cannot be wrapped.
func wrapTable(real unsafe.Pointer, number int) unsafe.Pointer {
	return unsafe.Pointer(C.gopherlens_wrap((*C.PJRT_Api)(real), C.int(number)))
}

// keeps reports whether a plugin can give and take compiled programs.
func keeps(real unsafe.Pointer) bool { return bool(C.gopherlens_keeps((*C.PJRT_Api)(real))) }
