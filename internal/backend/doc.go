// Package backend decides which GoMLX backend computes, and opens it once per
// process. The rule, in order:
//
//  1. GOMLX_BACKEND, where it is set; or else compute.DefaultConfig, where the program sets it;
//  2. XLA, where it is linked into the program and a PJRT plugin file is found;
//  3. GoMLX's pure Go backend.
//
// In a notebook whose cell links the resident client, the choice is handed to
// the resident worker, which keeps models alive from cell to cell;
// GOPHERLENS_RESIDENT=off computes in the cell's own process instead. A program that
// links nothing but the resident client computes there, too.
//
// GoMLX's own compute.MustNew() and compute.New() return the same backend in a program
// that links this package, since backends are registered with both through Register.
//
// Nothing is ever downloaded here: a plugin that is missing is an error or the
// pure Go backend, never a wait in the middle of a cell.
//
// The package links no backend, and so needs no cgo: a program imports those
// that it wants to offer.
package backend
