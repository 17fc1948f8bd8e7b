package xla

import (
	"bufio"
	"os"
	"strings"
)

// telling are the lines of /proc/cpuinfo that tell which code a processor runs and which is best
// for it.
var telling = map[string]bool{
	"vendor_id": true, "cpu family": true, "model": true, "stepping": true, "flags": true, // x86
	// Arm
	"CPU implementer": true, "CPU architecture": true, "CPU variant": true, "CPU part": true, "Features": true,
}

// processor describes the first processor: XLA compiles for what it finds.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	var text strings.Builder
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && strings.TrimSpace(lines.Text()) != "" { // an empty line ends a processor
		name, value, _ := strings.Cut(lines.Text(), ":")
		if telling[strings.TrimSpace(name)] {
			text.WriteString(strings.TrimSpace(name) + ":" + strings.TrimSpace(value) + "\n")
		}
	}
	return text.String()
}
