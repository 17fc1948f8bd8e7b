//go:build cgo

package xla

/*
#include <limits.h>
#include <malloc.h>

// Other C libraries than glibc keep less and have none of these calls.
static void trim(void) {
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

// used is how much is given out. mallinfo2 came with glibc 2.33; before, nothing seems to be
// kept.
static long long used(void) {
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 33)
	struct mallinfo2 all = mallinfo2();
	return all.uordblks + all.hblkhd;
#endif
#endif
	return LLONG_MAX;
}

// A constructor, since glibc counts its arenas when a second thread first asks for memory: Go's do
// before any init.
__attribute__((constructor)) static void keep(void) {
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}
*/
import "C"

import "gopherlens/internal/nativemem"

// XLA asks for memory in each product, to pack its operands, and gives it back. By itself glibc
// maps large pieces anew each time, and the threads' arenas take no more than 64 MB: the system
// cleared 2 GB of pages in one run of 2,048 tokens of SmolLM2-135M, a fifth of its time (at 4,096
// a third). So there is one arena, which maps nothing and keeps what is freed; [nativemem.Tidy]
// bounds that.
func init() {
	nativemem.Use(nativemem.Allocator{Trim: func() { C.trim() }, Used: func() int64 { return int64(C.used()) }})
}
