// Package wire is what the two sides of the resident backend say to each other,
// and how: frames over a unix socket, a compact encoding of values, and the
// table of GoMLX's operations.
//
// A connection carries one request at a time, answered before the next. Both
// are a [Frame]: a kind, a body of encoded fields, and optionally raw data,
// which above 64 kB travels as the descriptor of an anonymous memory file
// instead of through the socket's buffer.
//
// Bodies are written with [Encoder] and read with [Decoder]. A decoder never
// trusts a count: it is bounded by the bytes that are left, so that a
// malformed message costs an error and nothing else.
package wire
