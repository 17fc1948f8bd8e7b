package parquet

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/go-huggingface/datasets"

	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/hub"
	"gopherlens/internal/nearest"
)

// A Selection is a part of a data set.
type Selection struct {
	Config  string // which of its configurations; may be left out where there is one
	Split   string // such as "train"; may be left out where there is one
	Offline bool   // never ask the network; HF_HUB_OFFLINE=1 says so, too
}

// Dataset are the rows of a data set on the Hugging Face hub, by its name there, as documents.
// go-huggingface downloads its Parquet files into the cache that Hugging Face's libraries share;
// what lies there is not asked for again. A file that has not the size that the hub says is
// refused.
func Dataset(ctx context.Context, name string, part Selection, fields corpus.Fields) (corpus.Texts, error) {
	if !validName(name) {
		return nil, brief.Errorf("corpus: %q is no data set of the hub: want owner/name", name)
	}
	set := datasets.New(name).WithCacheDir(hub.CacheDir()).WithAuth(hub.Token())
	set.Verbosity = 0
	d := dataset{set, name, filepath.Join(hub.CacheDir(), "datasets--"+strings.ReplaceAll(name, "/", "--"))}
	offline := part.Offline || hub.SwitchedOff()
	if _, err := os.Stat(filepath.Join(d.folder, "dataset_parquet.json")); err != nil && offline {
		return nil, d.notHere("its list of files")
	}
	if err := set.DownloadParquetFilesInfo(ctx, false); err != nil {
		return nil, brief.Errorf("corpus: the files of data set %s: %w", name, err)
	}
	files, err := part.of(set.Files)
	if err != nil {
		return nil, brief.Errorf("corpus: data set %s: %w", name, err)
	}
	paths, err := d.fetch(ctx, files, offline)
	if err != nil {
		return nil, err
	}
	return open(fields, paths)
}

// validName refuses what could lead out of the cache.
func validName(name string) bool {
	return name != "" && filepath.IsLocal(name) && strings.Count(name, "/") <= 1 && !strings.ContainsAny(name, "\\?#%") && filepath.ToSlash(filepath.Clean(name)) == name
}

// of are the files of a part. Configurations differ in their columns, and splits in what they are
// for, so that neither is chosen for anybody.
func (s Selection) of(files []datasets.ParquetFile) ([]datasets.ParquetFile, error) {
	var err error
	config := func(f datasets.ParquetFile) string { return f.Config }
	split := func(f datasets.ParquetFile) string { return f.Split }
	if files, err = choose(files, "configuration", s.Config, config); err != nil {
		return nil, err
	}
	return choose(files, "split", s.Split, split)
}

// choose are the files whose property is the wanted one, or that all have the same.
func choose(files []datasets.ParquetFile, what, want string, property func(datasets.ParquetFile) string) ([]datasets.ParquetFile, error) {
	var names []string
	for _, f := range files {
		if name := property(f); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		return nil, brief.Errorf("it has no Parquet files")
	case want == "" && len(names) > 1:
		return nil, brief.Errorf("say which %s: it has %s", what, brief.Names(names))
	case want != "" && !slices.Contains(names, want):
		return nil, brief.Errorf("it has no %s %q%s; it has %s", what, want, nearest.Hint(want, names), brief.Names(names))
	}
	return slices.DeleteFunc(slices.Clone(files), func(f datasets.ParquetFile) bool { return want != "" && property(f) != want }), nil
}

// dataset is a data set and its folder in the cache.
type dataset struct {
	*datasets.Dataset
	name, folder string
}

// fetch puts files into the cache, one after the other, and returns where they are.
func (d dataset) fetch(ctx context.Context, files []datasets.ParquetFile, offline bool) ([]string, error) {
	var paths []string
	for _, f := range files {
		inside := filepath.Join("parquet", f.Config, f.Split, f.Filename)
		if !filepath.IsLocal(filepath.Join(f.Config, f.Split, f.Filename)) || !filepath.IsLocal(inside) {
			return nil, brief.Errorf("corpus: data set %s has a file %q, which would lie outside the cache", d.name, inside)
		}
		path := filepath.Join(d.folder, inside)
		if _, err := os.Stat(path); err != nil && offline {
			return nil, d.notHere(inside)
		}
		if _, err := d.DownloadCtx(ctx, f); err != nil {
			return nil, brief.Errorf("corpus: downloading %s of data set %s: %w", inside, d.name, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, brief.Errorf("corpus: %w", err)
		}
		if f.Size > 0 && info.Size() != f.Size {
			return nil, brief.Errorf("corpus: %s has %d bytes, and the hub says %d: remove it, and it is downloaded again", path, info.Size(), f.Size)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// notHere is the error of somebody without a network.
func (d dataset) notHere(what string) error {
	err := brief.Errorf("corpus: data set %s: %s is not in the cache %s, and the network is switched off (HF_HUB_OFFLINE=1, or Selection.Offline): "+
		"go online once, or read Parquet files of yours with parquet.Files", d.name, what, d.folder)
	return fault.Mark(err, hub.ErrOffline)
}
