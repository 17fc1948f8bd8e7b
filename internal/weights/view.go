package weights

import (
	"encoding/binary"
	"unsafe"
)

// littleEndian says whether this machine stores numbers as the files do.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// viewFloats looks at bytes as float32 values without copying. It is false where
// the bytes are not aligned for that or the machine is big-endian.
//
// This is the only use of unsafe in the package: the slice covers exactly the
// bytes given, and every bit pattern is a float32.
func viewFloats(b []byte) ([]float32, bool) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	if !littleEndian || len(b)%4 != 0 || uintptr(p)%4 != 0 {
		return nil, false
	}
	return unsafe.Slice((*float32)(p), len(b)/4), true
}
