package resident

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// workerDirs returns the folders of the user's workers: they name them in their arguments.
func workerDirs() (dirs []string) {
	processes, _ := filepath.Glob("/proc/[0-9]*") // the pattern is good
	for _, process := range processes {
		info, err := os.Stat(process)
		if err != nil {
			continue
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
			continue
		}
		line, err := os.ReadFile(process + "/cmdline")
		if err != nil {
			continue
		}
		var args []string
		for _, arg := range bytes.Split(line, []byte{0}) {
			args = append(args, string(arg))
		}
		if dir := servedDir(args); dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// servedDir returns the folder from a worker's arguments, or "" for another process's.
func servedDir(args []string) string {
	if len(args) > 4 && args[1] == "resident" && args[2] == "serve" && args[3] == "-dir" {
		return args[4]
	}
	return ""
}
