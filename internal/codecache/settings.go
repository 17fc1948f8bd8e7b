package codecache

import (
	"gopherlens/internal/cachedir"
	"gopherlens/internal/switches"
)

const (
	// OffEnv names the environment variable that, set to "off", makes every process compile for
	// itself.
	OffEnv = "GOPHERLENS_COMPILED"

	// LimitEnv names the environment variable that bounds the folder, in gigabytes (10^9 bytes);
	// 0 keeps nothing and reads nothing.
	LimitEnv = "GOPHERLENS_COMPILED_GB"
)

const (
	gigabyte  = 1e9
	defaultGB = 2
)

// limit is the bound in bytes, 0 if there is to be no cache.
func limit() (int64, error) {
	if off, err := switches.Off(OffEnv, "a store of compiled programs on disk"); off || err != nil {
		return 0, err
	}
	gb, err := cachedir.Gigabytes(LimitEnv, defaultGB)
	return int64(gb * gigabyte), err
}

// folder is where compiled programs lie.
func folder() (string, error) { return cachedir.Join("compiled") }
