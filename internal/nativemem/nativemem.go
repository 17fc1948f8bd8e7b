// Package nativemem gives memory back to the system that native code has freed and its allocator
// keeps: XLA's buffers are as many pieces as activations. An allocator that gave all back at once
// would have the system clear it again for the next run, a fifth of the time of a long one.
package nativemem

import (
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"gopherlens/internal/sysmem"
)

// An Allocator is what native code takes its memory from.
type Allocator struct {
	Trim func()       // gives back what it keeps; takes some 20 ms
	Used func() int64 // bytes that it has given out
}

var allocator atomic.Pointer[Allocator]

// Use says which allocator there is. Who links native code knows.
func Use(a Allocator) { allocator.Store(&a) }

// Trim gives all back that is kept, where there is native code. It is for moments when memory is
// wanted, or when nothing has run for a while.
func Trim() {
	if a := allocator.Load(); a != nil {
		a.Trim()
	}
}

// slack is how many bytes may be kept for the next run. A run of 1,024 tokens of SmolLM2-135M with a
// cache took 3.65 s and at most 1.6 GB with 512 MB kept, 3.5 s and 1.6 to 1.9 GB with 768 MB (a
// machine of 24 GB), 3.35 s and 1.8 to 2.0 GB with 1.5 GB.
var slack = max(512<<20, sysmem.Total()/32)

// pause is the least time between two looks at what is kept, each of which takes some 50 µs.
const pause = 100 * time.Millisecond

var looked struct {
	sync.Mutex
	at time.Time
}

// Tidy gives back what is kept if it is more than the next run should need. It is called after each
// program.
func Tidy() {
	a := allocator.Load()
	if a == nil || !due() {
		return
	}
	if kept := sysmem.Private() - a.Used() - ofGo(); kept > slack {
		a.Trim()
	}
}

// due reports whether it is time to look again.
func due() bool {
	if !looked.TryLock() {
		return false
	}
	defer looked.Unlock()
	now := time.Now()
	if now.Sub(looked.at) < pause {
		return false
	}
	looked.at = now
	return true
}

// ofGo is how many bytes of the system's Go's own allocator holds.
func ofGo() int64 {
	held := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(held)
	return int64(held[0].Value.Uint64() - held[1].Value.Uint64())
}
