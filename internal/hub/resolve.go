package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/fault"
	"gopherlens/internal/nearest"
)

// Source is where a model's files lie.
type Source struct {
	Name     string // as asked for
	Repo     string // owner/name on the hub; empty for local files and the default model
	Path     string // a folder with config.json and weights, or the weights' own file
	Revision string // the commit of the snapshot; empty where Repo is
}

// Resolve finds the files of a model, looking in this order: a local file or
// folder; the short names of [Aliases]; the Hugging Face cache on disk; the hub.
// It downloads only what a model needs, once.
func Resolve(ctx context.Context, name string, o Options) (Source, error) {
	if err := fault.Ended(ctx, "hub: looking for %s", brief.Text(name)); err != nil {
		return Source{}, err
	}
	o = o.fromEnvironment()
	if _, err := os.Stat(name); err == nil {
		return local(name, o)
	}
	repo, former := name, []string(nil)
	if a, ok := findAlias(name); ok {
		if a.Repo == "" {
			return defaultModel(name, o)
		}
		repo, former = a.Repo, a.Names
	} else if err := checkName(name); err != nil {
		return Source{}, err
	}
	if !filepath.IsLocal(o.Revision) {
		err := fmt.Errorf("hub: %q cannot be a revision: want a branch, a tag or a commit", o.Revision)
		return Source{}, fault.Mark(err, ErrUnknownModel)
	}
	return resolveRepo(ctx, name, repo, former, o)
}

// local takes files as they are; a revision has no meaning for them.
func local(path string, o Options) (Source, error) {
	if o.Revision != "main" {
		err := fmt.Errorf("hub: %s is a local path, which has no revision %q: give the path of that checkpoint", path, o.Revision)
		return Source{}, fault.Mark(err, ErrUnknownModel)
	}
	return Source{Name: path, Path: path}, nil
}

// defaultModel is the one file that the set-up fetches.
func defaultModel(name string, o Options) (Source, error) {
	path, err := cachedir.Join(defaultFile...)
	if err != nil {
		return Source{}, fmt.Errorf("hub: %w", err)
	}
	if o.Revision != "main" {
		err := fmt.Errorf("hub: %s is one file without revision %q; HuggingFaceTB/SmolLM2-135M-Instruct on the hub has revisions",
			name, o.Revision)
		return Source{}, fault.Mark(err, ErrUnknownModel)
	}
	if _, err := os.Stat(path); err != nil {
		return Source{}, fmt.Errorf("hub: the default model %s is not installed (%w): run `make setup` or `gopherlens setup`", name, err)
	}
	return Source{Name: name, Path: path}, nil
}

// repoName is what the hub allows: owner/name. Names without owner exist there
// only as redirections, all of which are aliases here.
var repoName = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`)

// checkName refuses what can be neither a path nor a repository, before any network.
func checkName(name string) error {
	if repoName.MatchString(name) && !strings.Contains(name, "..") && !strings.Contains(name, "--") {
		return nil
	}
	return fmt.Errorf("hub: %w %q: no such file or folder, no short name%s; else give owner/name of the hub",
		ErrUnknownModel, name, nearest.Hint(name, aliasNames()))
}

// resolveRepo looks in the cache, and then on the hub. former are names under which
// an older cache may hold the repository: gpt2 before it was openai-community/gpt2.
func resolveRepo(ctx context.Context, name, repo string, former []string, o Options) (Source, error) {
	usable := Source{} // a snapshot that would do if there is nothing better
	for _, id := range append([]string{repo}, former...) {
		found, state := findSnapshot(id, o)
		found.Name, found.Repo = name, repo
		if state == complete {
			return found, nil
		}
		if state == weightsOnly && usable.Path == "" {
			usable = found
		}
	}
	path, commit, err := "", "", errSwitchedOff
	if !o.Offline {
		path, commit, err = download(ctx, repo, o)
	}
	switch {
	case err == nil:
		return Source{Name: name, Repo: repo, Path: path, Revision: commit}, nil
	case usable.Path != "" && ctx.Err() == nil:
		return usable, nil
	case o.Offline:
		return Source{}, notCached(repo, o, err, "set HF_HUB_OFFLINE=0")
	case unreachable(err):
		reason := strings.TrimPrefix(err.Error(), "hub: ")
		return Source{}, notCached(repo, o, errors.New(reason), "connect and try again")
	}
	return Source{}, err
}

// errSwitchedOff is why the hub was not asked.
var errSwitchedOff = errors.New("the network is switched off (HF_HUB_OFFLINE=1, or Options.Offline)")

// notCached is the error of somebody without a network: it says how to do without.
func notCached(repo string, o Options, reason error, remedy string) error {
	return fmt.Errorf("hub: %s (revision %s) is not in the cache %s and %w: %w; put its files (config.json, tokenizer.json, model.safetensors) "+
		"in a folder and pass its path, or %s", repo, o.Revision, o.CacheDir, ErrOffline, reason, remedy)
}
