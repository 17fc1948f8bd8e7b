package hub

import (
	"context"
	"time"
)

// Impatient makes attempts follow each other at once, and silence short.
func (o Options) Impatient() Options {
	o.backoff = backoff{first: time.Millisecond, longest: 5 * time.Millisecond, attempts: 3, silence: 200 * time.Millisecond}
	return o
}

// Far downloads as a notebook's cell does: a model, or sets of files in a folder. far tells that
// the hub cannot be reached.
func (o Options) Far(ctx context.Context, repo, folder string, sets [][]string) (path, commit string, far bool, err error) {
	o = o.fromEnvironment()
	w := orderOf(repo, o)
	w.Folder, w.Sets = folder, sets
	end, err := w.ask(ctx, o.Progress)
	return end.Path, end.Commit, unreachable(err), err
}
