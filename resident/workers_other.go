//go:build !linux

package resident

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

// served matches a worker in the list of processes.
var served = regexp.MustCompile(`(?m) resident serve -dir (.*) -watch [0-9]+ -ready$`)

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
