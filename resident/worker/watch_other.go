//go:build !linux

package worker

import (
	"math"
	"syscall"
)

// watch returns a function that reports whether a process has ended.
func watch(pid int) func() bool {
	return func() bool { return pid > 1 && syscall.Kill(pid, 0) == syscall.ESRCH }
}

// totalMemory returns 0: it is not known, and no limit is set.
func totalMemory() int64 { return 0 }

// availableMemory sets no limit: it is not known.
func availableMemory() int64 { return math.MaxInt64 / 4 }
