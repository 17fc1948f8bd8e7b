//go:build cgo

package xla

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/internal/golden"
	"gopherlens/internal/nativemem"
)

// TestTrim frees many small buffers among others that stay, which glibc's allocator keeps, and sees
// them go back to the system.
func TestTrim(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		if be.Name() != "xla" {
			return // the pure Go backend has no native memory
		}
		const n, floats = 2000, 25_000 // 200 MB in all
		buffers := make([]compute.Buffer, n)
		for i := range buffers {
			var err error
			if buffers[i], err = be.BufferFromFlatData(0, make([]float32, floats), shapes.Make(dtypes.Float32, floats)); err != nil {
				t.Fatal(err)
			}
		}
		for i, b := range buffers {
			if i%10 == 0 {
				defer b.Finalize()
			} else if err := b.Finalize(); err != nil {
				t.Fatal(err)
			}
		}
		before := memory()
		nativemem.Trim()
		if freed := before - memory(); freed < 100<<20 {
			t.Errorf("%d MB went back to the system, want the better part of 180", freed>>20)
		}
	})
}
