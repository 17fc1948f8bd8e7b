// Package nativemem gives memory back to the system that native code has freed and its allocator
// keeps. Between runs of a model that is up to half a gigabyte: XLA's buffers are as many small
// pieces as activations.
package nativemem

import "sync/atomic"

var trim atomic.Pointer[func()]

// TrimWith says how it is done. Who links native code knows.
func TrimWith(f func()) { trim.Store(&f) }

// Trim does it, where there is native code. It takes some 20 ms, so it is for moments when much is
// freed or about to be wanted.
func Trim() {
	if f := trim.Load(); f != nil {
		(*f)()
	}
}
