//go:build !linux

package worker

import "syscall"

// watch returns a function that reports whether a process has ended.
func watch(pid int) func() bool {
	return func() bool { return pid > 1 && syscall.Kill(pid, 0) == syscall.ESRCH }
}
