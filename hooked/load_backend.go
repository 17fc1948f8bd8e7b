package hooked

import (
	"github.com/gomlx/compute"

	"gopherlens/internal/backend"
)

// Backend is the GoMLX backend of this process, which models compute with unless
// [LoadOptions.Backend] says otherwise: XLA or pure Go, in a notebook's cell through the resident
// worker. It is opened at the first call. GoMLX's own compute.MustNew() and compute.New() give the
// same, and so a training loop of GoMLX's and a model share their arrays.
//
// GOMLX_BACKEND chooses it ("go", "xla:cpu", "xla:cuda", "resident:go"), or else
// compute.DefaultConfig, where a program sets that; [Environment] tells what was chosen and why.
func Backend() (compute.Backend, error) {
	b, _, err := backend.New()
	return b, err
}
