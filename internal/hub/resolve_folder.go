package hub

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// ResolveFolder finds files in one folder of a repository, owner/name/folder/..., in the cache or
// on the hub: what is no model, of which a repository holds many. sets are the sets of files that
// will do; the first that is there in full is fetched, and nothing else. The path of the source is
// the folder.
func ResolveFolder(ctx context.Context, name string, sets [][]string, o Options) (Source, error) {
	if err := fault.Ended(ctx, "hub: looking for %s", brief.Text(name)); err != nil {
		return Source{}, err
	}
	o = o.fromEnvironment()
	repo, folder, err := cutRepo(name)
	if err != nil {
		return Source{}, fault.Mark(err, ErrUnknownModel)
	}
	if !filepath.IsLocal(o.Revision) {
		err := fmt.Errorf("hub: %q cannot be a revision: want a branch, a tag or a commit", o.Revision)
		return Source{}, fault.Mark(err, ErrUnknownModel)
	}
	if found, ok := cachedFolder(repo, folder, sets, o); ok {
		found.Name = name
		return found, nil
	}
	commit, err := "", errSwitchedOff
	if !o.Offline {
		commit, err = downloadFolder(ctx, repo, folder, sets, o)
	}
	switch {
	case err == nil:
		at := filepath.Join(repoFolder(o, repo), "snapshots", commit, filepath.FromSlash(folder))
		return Source{Name: name, Repo: repo, Path: at, Revision: commit}, nil
	case o.Offline, unreachable(err):
		return Source{}, fmt.Errorf("hub: %s (revision %s) is not in the cache %s and %w: %w; pass the path of a folder with its files", brief.Text(name),
			o.Revision, o.CacheDir, ErrOffline, errors.New(strings.TrimPrefix(err.Error(), "hub: ")))
	}
	return Source{}, err
}

// cutRepo cuts owner/name/folder into the repository and the folder.
func cutRepo(name string) (repo, folder string, err error) {
	parts := strings.SplitN(name, "/", 3)
	if len(parts) > 1 {
		repo = parts[0] + "/" + parts[1]
	}
	if len(parts) > 2 {
		folder = strings.Trim(parts[2], "/")
	}
	if !repoName.MatchString(repo) || strings.Contains(repo, "..") || strings.Contains(repo, "--") || folder != "" && !safePath(folder) {
		return "", "", fmt.Errorf("hub: %w %q: no such folder; else give owner/name/folder of the hub", ErrUnknownModel, brief.Text(name))
	}
	return repo, folder, nil
}

// safePath tells whether a path from the network may be one of files in the cache.
func safePath(name string) bool {
	return !slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return !safeName(part) || part == "." || part == ".." })
}

// cachedFolder is the folder in the snapshot of the revision, if the cache has one of the sets.
func cachedFolder(repo, folder string, sets [][]string, o Options) (Source, bool) {
	found, _ := findSnapshot(repo, o)
	if found.Path == "" {
		return found, false
	}
	found.Path = filepath.Join(found.Path, filepath.FromSlash(folder))
	return found, slices.ContainsFunc(sets, func(set []string) bool {
		return !slices.ContainsFunc(set, func(file string) bool { return !exists(found.Path, file) })
	})
}
