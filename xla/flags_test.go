package xla

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The flag by which JAX makes several devices of one CPU is read wherever XLA reads its flags.
func TestHostDevices(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flags")
	if err := os.WriteFile(file, []byte("--xla_a=1\n--xla_force_host_platform_device_count=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for flags, want := range map[string]int{
		"": 1, "--xla_a=1": 1, "--xla_force_host_platform_device_count=4": 4,
		"--xla_a=1 --xla_force_host_platform_device_count=2 --xla_force_host_platform_device_count=64": 64, file: 3,
	} {
		t.Setenv(flagsVariable, flags)
		if n, err := hostDevices(); err != nil || n != want {
			t.Errorf("%q: %d devices, error %v; want %d", flags, n, err, want)
		}
	}
	for flags, want := range map[string]string{
		"--xla_force_host_platform_device_count=0": "from 1 to 64", "--xla_force_host_platform_device_count=65": "from 1 to 64",
		"--xla_force_host_platform_device_count=four": "from 1 to 64", file + ".no": "names a file",
	} {
		t.Setenv(flagsVariable, flags)
		if _, err := hostDevices(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", flags, err, want)
		}
	}
}
