package sysmem

import (
	"fmt"
	"os"
)

// Status is a figure of this process that Linux gives in kB, such as "VmRSS", in bytes: see
// proc_pid_status(5). It is not ok where there is none.
func Status(figure string) (bytes int64, ok bool) {
	kB, ok := field("/proc/self/status", figure+":")
	return kB << 10, ok
}

// Private returns how many bytes of memory this process alone has, without what files hold that it
// maps; 0 if it is not known.
func Private() int64 {
	var size, resident, shared int64 // pages
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(text), &size, &resident, &shared); err != nil {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}
