// Package xla links XLA into a program, set up for runs that are many short programs one after the
// other, as package hooked's are. It is imported for that alone:
//
//	import _ "gopherlens/xla"
//
// What XLA compiles is kept in the user's cache folder, and the next process takes it from there;
// [CacheStats] counts both. The environment variable GOPHERLENS_COMPILED_GB bounds that folder, in
// gigabytes (2); 0, or GOPHERLENS_COMPILED=off, compiles anew in each process.
//
// It takes the place of github.com/gomlx/go-xla/compute/xla, under the same names, and adds nothing
// without cgo, which XLA needs. Notebook cells import nothing: the resident worker has it.
package xla
