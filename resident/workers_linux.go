package resident

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	if len(args) > 4 && args[1] == "resident" && args[2] == "serve" && args[3] == "--dir" {
		return args[4]
	}
	return ""
}

// memoryOf returns how many bytes of the machine's memory a process takes, 0 if that cannot be
// told.
func memoryOf(pid int) int64 {
	status, err := os.ReadFile(processFile(pid, "status"))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nVmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}

// variableOf returns an environment variable that a process was begun with, or "".
func variableOf(pid int, name string) string {
	environment, err := os.ReadFile(processFile(pid, "environ"))
	if err != nil {
		return ""
	}
	for entry := range strings.SplitSeq(string(environment), "\x00") {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

func processFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}
