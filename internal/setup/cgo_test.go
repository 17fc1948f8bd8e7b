//go:build cgo

package setup_test

// withCgo tells whether make setup, with the same compiler, built XLA in.
const withCgo = true
