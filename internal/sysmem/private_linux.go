package sysmem

import (
	"fmt"
	"os"
)

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
