package hooked

import (
	"runtime"
	"sync/atomic"

	"github.com/gomlx/gomlx/core/tensors"
)

// A deviceMeter makes up for what Go's garbage collector cannot see: a tensor is a small value here
// and megabytes on the device, which are freed when the collector finds the small value. A loop
// over runs would fill the memory before Go saw a reason to collect, so the meter gives it one.
type deviceMeter struct{ produced atomic.Int64 }

// collectAfter is how many bytes may pile up between two collections. One takes some milliseconds.
const collectAfter = 128 << 20

// count notes the results of a run: by the next one they may be garbage.
func (d *deviceMeter) count(results []*tensors.Tensor) {
	for _, t := range results {
		d.produced.Add(t.ByteSize())
	}
}

// collect runs the collector if much has piled up. Before a run is the time for it: what the last
// one left may be dead, and its memory is about to be wanted.
func (d *deviceMeter) collect() {
	if total := d.produced.Load(); total > collectAfter && d.produced.CompareAndSwap(total, 0) {
		runtime.GC()
	}
}

// dropped notes host memory that became garbage, and collects it if it is much.
func (d *deviceMeter) dropped(bytes int64) {
	d.produced.Add(bytes)
	d.collect()
}
