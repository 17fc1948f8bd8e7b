package codecache

import (
	"io/fs"
	"os"
	"syscall"

	"gopherlens/internal/brief"
)

// checkOwn refuses a folder that others can write to: what lies there is run.
func checkOwn(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return brief.Errorf("no folder for compiled programs: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir() || ok && int(owner.Uid) != os.Geteuid():
		return brief.Errorf("%s is no folder of this user: remove it", dir)
	case info.Mode()&(othersWrite) != 0:
		return brief.Errorf("other users can write to %s: run chmod 700 on it", dir)
	}
	return nil
}

const othersWrite fs.FileMode = 0o022
