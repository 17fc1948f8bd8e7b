package hub

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopherlens/internal/weights"
	"gopherlens/internal/wholefile"
)

// repoFolder is the folder of a repository in the cache.
func repoFolder(o Options, repo string) string {
	return filepath.Join(o.CacheDir, "models--"+strings.ReplaceAll(repo, "/", "--"))
}

// state tells how much of a model a snapshot holds.
type state int

const (
	absent      state = iota
	weightsOnly       // config and weights, but no tokenizer: enough where nothing better is
	complete
)

// findSnapshot looks for a revision of a repository on disk. A revision is a name
// in refs, or the commit itself.
func findSnapshot(repo string, o Options) (Source, state) {
	folder := repoFolder(o, repo)
	commit := o.Revision
	if text, err := os.ReadFile(filepath.Join(folder, "refs", o.Revision)); err == nil {
		commit = strings.TrimSpace(string(text))
	}
	if !safeName(commit) {
		return Source{}, absent
	}
	path := filepath.Join(folder, "snapshots", commit)
	found := snapshotState(path, o)
	if found == weightsOnly && knownAbsent(folder, commit, tokenizerFiles) {
		found = complete // there is nothing to go to the hub for
	}
	return Source{Repo: repo, Path: path, Revision: commit}, found
}

// tokenizerFiles each hold a vocabulary: a model with none of them has no tokenizer.
var tokenizerFiles = []string{"tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"}

// The shared cache remembers which files a commit has not, as empty files below
// .no_exist. Without that, the hub would be asked at every load for the tokenizer of
// a small model that borrows another's.

// knownAbsent tells whether all of the files are known to be missing.
func knownAbsent(folder, commit string, files []string) bool {
	return !slices.ContainsFunc(files, func(file string) bool {
		return !exists(filepath.Join(folder, ".no_exist", commit), file)
	})
}

// markAbsent remembers files that the hub does not list.
func markAbsent(folder, commit string, files []string) error {
	dir := filepath.Join(folder, ".no_exist", commit)
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	for _, file := range files {
		if err := makeEmpty(filepath.Join(dir, file)); err != nil {
			return fmt.Errorf("hub: %w", err)
		}
	}
	return nil
}

// snapshotState checks that the files are there, each shard included.
func snapshotState(path string, o Options) state {
	tokenizer := exists(path, "tokenizer.json") || exists(path, "tokenizer.model") ||
		exists(path, "vocab.json") && exists(path, "merges.txt") || exists(path, "vocab.txt")
	if o.TokenizerOnly {
		if tokenizer {
			return complete
		}
		return absent
	}
	if _, err := weights.Identity(path); err != nil {
		return absent
	}
	if found, _ := filepath.Glob(filepath.Join(globEscape(path), "*.gguf")); weights.OneGGUF(found) {
		return complete // GGUF brings its config and tokenizer along
	}
	switch {
	case !exists(path, "config.json"):
		return absent
	case tokenizer:
		return complete
	}
	return weightsOnly
}

// globEscape keeps a folder's own name from being read as a pattern.
func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// exists follows links: one whose blob was deleted counts as missing.
func exists(folder, file string) bool {
	_, err := os.Stat(filepath.Join(folder, file))
	return err == nil
}

// maxName is the longest name of a file, in bytes, less the ending of a lock or a part.
const maxName = 255 - len(".incomplete")

// safeName tells whether a word from the network may be the name of a file.
func safeName(s string) bool {
	return s != "" && len(s) <= maxName && s == filepath.Base(s) && filepath.IsLocal(s) && !strings.ContainsAny(s, `\:`)
}

// linkBlob makes a snapshot's file point to its blob. The link is relative, so that
// the whole cache can be moved. The caller holds the blob's lock.
func linkBlob(folder, commit, file, blob string) error {
	path := filepath.Join(folder, "snapshots", commit, file)
	up := strings.Repeat("../", 2+strings.Count(file, "/"))
	target := filepath.Join(filepath.FromSlash(up), "blobs", blob)
	if now, err := os.Readlink(path); err == nil && now == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	temp := path + ".tmp" // a link cannot be overwritten, but renamed over
	if err := os.Remove(temp); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("hub: %w", err)
	}
	if err := os.Symlink(target, temp); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	return nil
}

// writeRef records the commit of a revision. A commit needs no record of itself.
func writeRef(folder, revision, commit string) error {
	if revision == commit {
		return nil
	}
	path := filepath.Join(folder, "refs", revision)
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	if err := wholefile.WriteBytes(path, fileMode, []byte(commit)); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	return nil
}
