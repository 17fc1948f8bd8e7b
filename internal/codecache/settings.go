package codecache

import (
	"os"

	"gopherlens/internal/brief"
	"gopherlens/internal/cachedir"
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
	switch v := os.Getenv(OffEnv); v {
	case "":
	case "off":
		return 0, nil
	default:
		return 0, brief.Errorf("%s=%q: off does without compiled programs on disk, unset keeps them", OffEnv, v)
	}
	gb, err := cachedir.Gigabytes(LimitEnv, defaultGB)
	return int64(gb * gigabyte), err
}

// folder is where compiled programs lie.
func folder() (string, error) { return cachedir.Join("compiled") }
