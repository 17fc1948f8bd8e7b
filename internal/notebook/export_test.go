package notebook

import (
	"encoding/json"
	"io"

	"gopherlens/internal/progress"
)

// Show prints the events in r, as Run does those of run.py.
func Show(r io.Reader, status *progress.Status) error {
	show := &show{status: status}
	defer show.unwatch()
	return readEvents(r, show.handle)
}

// Inject is the source of the cell that gives parameters other values, for a notebook of one cell.
func Inject(tags []string, source string, assignments ...string) (string, error) {
	raw, err := json.Marshal(tags)
	if err != nil {
		return "", err
	}
	one := Cell{Type: "code", Source: source, Metadata: map[string]json.RawMessage{"tags": raw}}
	return new(File).With([]Cell{one}).inject(assignments)
}
