package codecache

import (
	"sync/atomic"
	"time"
)

// Stats count what this process did.
type Stats struct {
	Compiled int64 // programs that were compiled
	Loaded   int64 // programs that came from disk
	// files that were found and not used: damaged, foreign, or refused by the compiler
	Refused int64
	Unkept  int64 // programs that were compiled and could not be kept, though there is a cache

	CompileTime time.Duration // that Compiled took, summed over threads
	LoadTime    time.Duration // that Loaded took, summed over threads
}

// counts is Stats while it is counted.
var counts struct {
	compiled, loaded, refused, unkept, compileTime, loadTime atomic.Int64
}

// Counts returns what this process did so far.
func Counts() Stats {
	return Stats{
		Compiled:    counts.compiled.Load(),
		Loaded:      counts.loaded.Load(),
		Refused:     counts.refused.Load(),
		Unkept:      counts.unkept.Load(),
		CompileTime: time.Duration(counts.compileTime.Load()),
		LoadTime:    time.Duration(counts.loadTime.Load()),
	}
}

// CountCompiled counts a program that was compiled.
func CountCompiled(took time.Duration) {
	counts.compiled.Add(1)
	counts.compileTime.Add(int64(took))
}

// CountLoaded counts a program that came from disk.
func CountLoaded(took time.Duration) {
	counts.loaded.Add(1)
	counts.loadTime.Add(int64(took))
}

// CountUnkept counts a program that is compiled and not on disk.
func CountUnkept() { counts.unkept.Add(1) }
