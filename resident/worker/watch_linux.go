package worker

import "golang.org/x/sys/unix"

// watch returns a function that reports whether a process has ended. A
// descriptor of the process is used, since its number may soon be another's.
func watch(pid int) func() bool {
	if pid <= 1 {
		return func() bool { return false }
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return func() bool { return true }
	}
	if err != nil {
		return func() bool { return unix.Kill(pid, 0) == unix.ESRCH }
	}
	return func() bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		return err == nil && n > 0
	}
}
