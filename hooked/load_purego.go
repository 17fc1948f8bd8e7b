//go:build !gopherlens_cell

package hooked

// The pure Go backend computes where no XLA is at hand. A notebook's cell computes in the resident
// worker, and the kernel's go command (internal/setup/goshim.go) builds it without: a quarter less
// to link in each cell.
import _ "gopherlens/internal/purego"
