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
// This and viewBytes are the only uses of unsafe in the package: a slice covers
// exactly the memory given, and every bit pattern is a value of either type.
func viewFloats(b []byte) ([]float32, bool) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	if !littleEndian || len(b)%4 != 0 || uintptr(p)%4 != 0 {
		return nil, false
	}
	return unsafe.Slice((*float32)(p), len(b)/4), true
}

// viewBytes looks at values as the bytes that a file holds, false where the machine
// is big-endian. Encoding them instead would leave as much garbage as there are weights.
func viewBytes[T float32 | int64](values []T) ([]byte, bool) {
	if !littleEndian {
		return nil, false
	}
	var one T
	p := unsafe.Pointer(unsafe.SliceData(values))
	return unsafe.Slice((*byte)(p), len(values)*int(unsafe.Sizeof(one))), true
}
