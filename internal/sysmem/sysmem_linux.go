package sysmem

import (
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Total returns the machine's memory in bytes, 0 if it is not known.
func Total() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	total := int64(info.Totalram) * int64(info.Unit)
	if limit, _, ok := groupMemory(); ok {
		total = min(total, limit)
	}
	return total
}

// keptFree is the share of the machine's memory, one in so many, that is left to others.
const keptFree = 20

// Available returns how many bytes the machine can still give without swapping, as
// far as that is known.
func Available() int64 {
	free := int64(math.MaxInt64 / 4)
	if n, ok := field("/proc/meminfo", "MemAvailable:"); ok {
		free = n << 10
	}
	if limit, used, ok := groupMemory(); ok {
		free = min(free, limit-used)
	}
	return free - Total()/keptFree
}

// groupMemory returns the limit and the use of a container's memory. Files that are
// cached there give way.
func groupMemory() (limit, used int64, ok bool) {
	const group = "/sys/fs/cgroup/"
	limit, hasLimit := field(group+"memory.max", "")
	used, isUsed := field(group+"memory.current", "")
	cached, _ := field(group+"memory.stat", "inactive_file")
	return limit, used - cached, hasLimit && isUsed
}

// field reads the number behind a word at the beginning of a line.
func field(path, word string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		rest, found := strings.CutPrefix(line, word)
		if words := strings.Fields(rest); found && len(words) > 0 {
			n, err := strconv.ParseInt(words[0], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
