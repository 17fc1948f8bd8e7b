//go:build cgo

package main

// XLA needs a C compiler when this program is built; without one the program
// does without, and models run on the pure Go backend.
import _ "gopherlens/xla"
