//go:build cgo

package xla

/*
#include <malloc.h>

// Other C libraries than glibc keep less and have no such call.
static void trim(void) {
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
*/
import "C"

import "gopherlens/internal/nativemem"

func init() { nativemem.TrimWith(func() { C.trim() }) }
