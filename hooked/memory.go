package hooked

import (
	"runtime"
	"sync/atomic"

	"github.com/gomlx/gomlx/core/tensors"
)

// A deviceMeter makes up for what Go's garbage collector cannot see: a tensor is a small value here and megabytes on the
// device, which are freed when the collector finds the small value. A loop over runs would fill the memory before Go saw a
// reason to collect, so the meter gives it one.
type deviceMeter struct{ produced atomic.Int64 }

// collectAfter is how many bytes of results may pile up on the device between two collections. One takes some milliseconds.
const collectAfter = 128 << 20

func (d *deviceMeter) count(results []*tensors.Tensor) {
	var bytes int64
	for _, t := range results {
		bytes += t.ByteSize()
	}
	d.dropped(bytes)
}

// dropped counts bytes that became garbage on the host, or soon may on the device.
func (d *deviceMeter) dropped(bytes int64) {
	if total := d.produced.Add(bytes); total > collectAfter && d.produced.CompareAndSwap(total, 0) {
		runtime.GC()
	}
}
