package backend

import (
	"path/filepath"
	"strings"
)

// Kind takes from the description of a backend what differs between machines that compute alike:
// where the plugin lies, how many cores there are, and that it is a worker that computes.
func Kind(description string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(description, "resident: "), " - ")
	kind, _, _ = strings.Cut(kind, " (")
	if name, path, ok := strings.Cut(kind, ":"); ok {
		kind = name + ":" + filepath.Base(path)
	}
	return kind
}
