//go:build unix

package sides

import (
	"syscall"
	"time"
)

// ProcessorTime is how long this process has been computing, which a busy machine leaves alone.
func ProcessorTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
