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
