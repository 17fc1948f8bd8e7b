//go:build !linux

package wholefile

import "os"

// exchange puts a folder in place of another. What was there before is then under the name from.
func exchange(from, to string) error {
	if err := os.Rename(from, to); err == nil { // there was nothing, or an empty folder
		return nil
	}
	return exchangeInTwo(from, to)
}
