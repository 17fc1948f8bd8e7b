//go:build !gopherlens_cell

package hub

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// download fetches what a model needs and returns its snapshot's folder and commit.
func download(ctx context.Context, repo string, o Options) (path, commit string, err error) {
	c, err := newClient(repo, o)
	if err != nil {
		return "", "", err
	}
	defer c.net.CloseIdleConnections()
	info, err := c.info(ctx)
	if err != nil {
		return "", "", err
	}
	files, err := ChooseFiles(fmt.Sprintf("%s (revision %s)", repo, o.Revision), info.names(), o)
	if err != nil {
		return "", "", err
	}
	folder := repoFolder(o, repo)
	path = filepath.Join(folder, "snapshots", info.Commit)
	for i := 0; i < len(files); i++ {
		if err := c.fetch(ctx, info.Commit, files[i]); err != nil {
			return "", "", err
		}
		shards, err := Shards(filepath.Join(path, files[i]))
		if err != nil {
			return "", "", err
		}
		files = append(files, shards...)
	}
	missing := slices.DeleteFunc(slices.Clone(smallFiles), func(name string) bool { return slices.Contains(files, name) })
	if err := markAbsent(folder, info.Commit, missing); err != nil {
		return "", "", err
	}
	return path, info.Commit, writeRef(folder, o.Revision, info.Commit)
}

// downloadFolder fetches the files of the first set that the repository has, and returns the
// commit.
func downloadFolder(ctx context.Context, repo, folder string, sets [][]string, o Options) (commit string, err error) {
	c, err := newClient(repo, o)
	if err != nil {
		return "", err
	}
	defer c.net.CloseIdleConnections()
	info, err := c.info(ctx)
	if err != nil {
		return "", err
	}
	files, err := filesIn(repo, folder, info, sets)
	if err != nil {
		return "", err
	}
	cache := repoFolder(o, repo)
	if err := os.MkdirAll(filepath.Join(cache, "snapshots", info.Commit, filepath.FromSlash(folder)), folderMode); err != nil {
		return "", fmt.Errorf("hub: %w", err)
	}
	for _, file := range files {
		if err := c.fetch(ctx, info.Commit, file); err != nil {
			return "", err
		}
	}
	return info.Commit, writeRef(cache, o.Revision, info.Commit)
}

// filesIn are the files of the first set that the folder has.
func filesIn(repo, folder string, info repoInfo, sets [][]string) ([]string, error) {
	have, some := map[string]bool{}, false
	for _, s := range info.Siblings {
		have[s.Name] = true
		some = some || strings.HasPrefix(s.Name, folder+"/")
	}
	var looked []string
	for _, set := range sets {
		var files []string
		for _, file := range set {
			files = append(files, path.Join(folder, file))
		}
		if !slices.ContainsFunc(files, func(file string) bool { return !have[file] }) {
			return files, nil
		}
		looked = append(looked, strings.Join(set, " with "))
	}
	if folder != "" && !some {
		return nil, fault.Mark(fmt.Errorf("hub: %s has no folder %q", repo, brief.Text(folder)), ErrUnknownModel)
	}
	err := fmt.Errorf("hub: the folder %q of %s has none of these: %s", brief.Text(folder), repo, strings.Join(looked, "; "))
	return nil, fault.Mark(err, fault.ErrUnsupportedFile)
}
