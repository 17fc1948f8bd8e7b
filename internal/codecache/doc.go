// Package codecache keeps compiled programs on disk, so that what one process compiled no other
// compiles again. It knows nothing of compilers: a program is bytes under a [Key].
//
// Each program is a file of its own in the folder compiled of Gopherlens' cache, named by its key:
//
//	magic    16 bytes
//	key      32 bytes
//	sum      32 bytes  SHA-256 of magic, key and payload
//	payload  the rest
//
// Whatever is not exactly that is a miss. A file is written under another name and renamed, and is
// read without a lock: any number of processes may use the folder at once. What was used least
// recently, by the file's time of change, goes first when the folder is full.
package codecache
