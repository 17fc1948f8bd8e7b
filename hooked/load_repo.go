package hooked

import (
	"context"
	"iter"
	"path/filepath"
	"reflect"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/hub"
)

// A Repository is what [FromRepo] asks of a repository. It is *hub.Repo of go-huggingface,
// github.com/gomlx/go-huggingface/hub; that package comes with its HTTP client, which this one can
// do without.
type Repository interface {
	String() string // its name, owner/name
	IsLocal() bool
	LocalDir() string
	IsEmbed() bool
	IterFileNames() iter.Seq2[string, error]
	DownloadFileCtx(ctx context.Context, file string) (path string, err error)
}

// FromRepo is the model in a repository of go-huggingface's package hub: of a folder
// (hub.NewLocal), or on the hub (hub.New). Weight processing and options are those of
// [FromPretrained], but for Revision and Progress, which are the repository's own: WithRevision,
// Verbosity.
//
// [FromPretrained] takes the same models. It needs no network for what is in the cache, and
// compares what it downloads with checksums, which go-huggingface does not.
func FromRepo(repo Repository, processing Processing, options ...LoadOptions) (m *Model, err error) {
	defer guard(&err)
	o, err := oneOption(options)
	if err != nil {
		return nil, err
	}
	if err := checkRepo(repo, o); err != nil {
		return nil, err
	}
	where := repo.LocalDir()
	if !repo.IsLocal() {
		if where, err = downloadRepo(repo, o); err != nil {
			return nil, brief.Errorf("FromRepo: %s: %w", repo.String(), err)
		}
	}
	if m, err = fromFiles(repo.String(), where, processing, o); err != nil {
		return nil, brief.Errorf("loading %s from %s: %w", repo.String(), where, err)
	}
	if m.cfg.PostNorm || m.cfg.NEncoderLayers > 0 {
		return nil, m.cfg.loadedBy(where, "no decoder")
	}
	return m, nil
}

// checkRepo refuses what cannot be a source of models, and options that would do nothing.
func checkRepo(repo Repository, o LoadOptions) error {
	switch {
	case repo == nil || reflect.ValueOf(repo).IsZero():
		return brief.Errorf("FromRepo: the repository is nil: make one with hub.New or hub.NewLocal")
	case repo.IsEmbed():
		return brief.Errorf("FromRepo: %s is embedded in the program, and weights are read from a disk: write it to a folder with os.CopyFS, and use hub.NewLocal", repo.String())
	case o.Revision != "":
		return brief.Errorf("FromRepo: LoadOptions.Revision would do nothing: the repository has its own, see Repo.WithRevision")
	case o.Progress != nil:
		return brief.Errorf("FromRepo: LoadOptions.Progress would do nothing: go-huggingface tells of downloads as Repo.Verbosity says")
	case repo.IsLocal():
		return nil
	case repo.String() == "":
		return fault.Mark(brief.Errorf("FromRepo: the repository has no name: make it with hub.New or hub.NewLocal"), ErrUnknownModel)
	case o.Offline || hub.SwitchedOff():
		err := brief.Errorf("FromRepo: the network is switched off, and go-huggingface asks it for %s whatever is in the cache: use FromPretrained, or hub.NewLocal on the snapshot's folder", repo.String())
		return fault.Mark(err, ErrOffline)
	}
	return nil
}

// downloadRepo has the repository fetch what a model needs, and returns the folder that it is in.
func downloadRepo(repo Repository, o LoadOptions) (string, error) {
	var names []string
	for name, err := range repo.IterFileNames() {
		if err != nil {
			return "", err
		}
		names = append(names, name)
	}
	files, err := hub.ChooseFiles(repo.String(), names, hub.Options{})
	if err != nil {
		return "", err
	}
	folder := ""
	for i := 0; i < len(files); i++ {
		path, err := repo.DownloadFileCtx(o.context(), files[i])
		if err != nil {
			return "", err
		}
		shards, err := hub.Shards(path)
		if err != nil {
			return "", err
		}
		files, folder = append(files, shards...), filepath.Dir(path)
	}
	return folder, nil
}
