package wire

import (
	"fmt"
	"os"
)

// BuildID tells one build of a program file from another without reading it:
// its size and the time of its last change. A worker that was started from a
// file that has changed since is replaced.
func BuildID(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d-%d", info.Size(), info.ModTime().UnixNano()), nil
}
