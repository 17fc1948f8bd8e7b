package wholefile

import (
	"os"

	"golang.org/x/sys/unix"
)

// exchange puts a folder in place of another, at once: whoever looks sees the one or the other.
// What was there before is then under the name from.
func exchange(from, to string) error {
	if err := os.Rename(from, to); err == nil { // there was nothing, or an empty folder
		return nil
	}
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE); err == nil {
		return nil
	}
	return exchangeInTwo(from, to) // a file system that knows no exchange
}
