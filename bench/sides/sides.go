// Package sides runs what is compared, each side a process of its own.
package sides

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// mostWords is how much is told of what a process that failed wrote.
const mostWords = 4000

// Measure runs one side and reads the lines of its output that are measurements.
func Measure[T any](command []string, counts func(T) bool) ([]T, error) {
	cmd := exec.Command(command[0], command[1:]...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		text := log.String()
		return nil, fmt.Errorf("%w\n%s", err, text[max(0, len(text)-mostWords):])
	}
	var found []T
	for scanner := bufio.NewScanner(&out); scanner.Scan(); {
		var one T
		if json.Unmarshal(scanner.Bytes(), &one) == nil && counts(one) {
			found = append(found, one)
		}
	}
	return found, nil
}

// Load is the machine's load average, left out where it cannot be told.
func Load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.TrimSpace(string(text))
}
