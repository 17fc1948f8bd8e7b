package notebook

import (
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
func Inject(tags []string, source_ string, assignments ...string) (string, error) {
	one := cell{Type: "code", Source: source(source_)}
	one.Metadata.Tags = tags
	return file{Cells: &[]cell{one}}.inject(assignments)
}
