//go:build !linux

package resident

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// served matches a worker in the list of processes.
var served = regexp.MustCompile(`(?m) resident serve --dir (.*) --watch [0-9]+ --ready$`)

// workerDirs returns the folders of the user's workers: they name them in their arguments.
func workerDirs() (dirs []string) {
	list, err := exec.Command("ps", "-ww", "-U", strconv.Itoa(os.Geteuid()), "-o", "command=").Output()
	if err != nil {
		return nil
	}
	for _, match := range served.FindAllSubmatch(list, -1) {
		dirs = append(dirs, string(match[1]))
	}
	return dirs
}

// memoryOf returns how many bytes of the machine's memory a process takes, 0 if that cannot be
// told.
func memoryOf(pid int) int64 {
	kilobytes, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(kilobytes)), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// variableOf returns an environment variable that a process was begun with, or "": this system
// does not tell it reliably.
func variableOf(int, string) string { return "" }
