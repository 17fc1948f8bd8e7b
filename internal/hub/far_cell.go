//go:build gopherlens_cell

package hub

import "context"

// download fetches what a model needs and returns its snapshot's folder and commit.
func download(ctx context.Context, repo string, o Options) (path, commit string, err error) {
	end, err := orderOf(repo, o).ask(ctx, o.Progress)
	return end.Path, end.Commit, err
}

// downloadFolder fetches the files of the first set that the repository has, and returns the
// commit.
func downloadFolder(ctx context.Context, repo, folder string, sets [][]string, o Options) (commit string, err error) {
	w := orderOf(repo, o)
	w.Folder, w.Sets = folder, sets
	end, err := w.ask(ctx, o.Progress)
	return end.Commit, err
}
