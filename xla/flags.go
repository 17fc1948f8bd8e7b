package xla

import (
	"os"
	"strconv"
	"strings"

	"gopherlens/internal/brief"
)

// flagsVariable holds XLA's flags, or names a file of them.
const flagsVariable = "XLA_FLAGS"

// xlaFlags are XLA's flags.
func xlaFlags() (string, error) {
	flags := os.Getenv(flagsVariable)
	if flags == "" || strings.HasPrefix(strings.TrimSpace(flags), "-") {
		return flags, nil
	}
	content, err := os.ReadFile(flags)
	return string(content), err
}

// devicesFlag makes several devices of one CPU, as in JAX. A client that is given options, as ours
// is, does not look at it itself.
const devicesFlag = "--xla_force_host_platform_device_count"

// mostDevices bounds them: each has threads of its own.
const mostDevices = 64

// hostDevices is how many devices XLA's client for CPUs is to have: one unless flags ask for more.
func hostDevices() (int, error) {
	flags, err := xlaFlags()
	if err != nil {
		return 0, brief.Errorf("%s names a file: %w", flagsVariable, err)
	}
	n := 1
	for _, flag := range strings.Fields(flags) {
		value, ok := strings.CutPrefix(flag, devicesFlag+"=")
		if !ok {
			continue
		}
		if n, err = strconv.Atoi(value); err != nil || n < 1 || n > mostDevices {
			return 0, brief.Errorf("%s: %s: want a number of devices from 1 to %d", flagsVariable, flag, mostDevices)
		}
	}
	return n, nil
}
