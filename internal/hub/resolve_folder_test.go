package hub_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/fault"
	"gopherlens/internal/hub"
)

var folderSets = [][]string{{"sae_weights.safetensors", "cfg.json"}, {"params.npz"}}

// dictionaries puts folders of files into the fake hub's repository.
func dictionaries(f *fakeHub) {
	files := f.revisions["main"].files
	files["layer_1/width_16k/params.npz"] = []byte("numbers of layer 1")
	files["layer_1/width_16k/README.md"] = []byte("not needed")
	files["layer_2/cfg.json"] = []byte(`{}`)
	files["layer_2/sae_weights.safetensors"] = []byte("numbers of layer 2")
	files["layer_2/optimizer.pt"] = []byte("not needed")
	files["layer_3/cfg.json"] = []byte(`{"d_sae": 3}`)
}

// TestFolder fetches the files of one folder, and finds them again without a network.
func TestFolder(t *testing.T) {
	f := newFakeHub(t)
	dictionaries(f)
	o := f.options(t)
	snapshot := filepath.Join(o.CacheDir, "models--owner--tiny", "snapshots", shaMain)
	var found []hub.Source
	for folder, files := range map[string][]string{"layer_1/width_16k": {"params.npz"}, "layer_2": {"cfg.json", "sae_weights.safetensors"}} {
		s, err := hub.ResolveFolder(context.Background(), repo+"/"+folder, folderSets, o)
		if err != nil {
			t.Fatal(err)
		}
		if want := (hub.Source{Name: repo + "/" + folder, Repo: repo, Path: filepath.Join(snapshot, folder), Revision: shaMain}); s != want {
			t.Errorf("got %+v, want %+v", s, want)
		}
		if got := fileNames(t, s.Path); !slices.Equal(got, files) {
			t.Errorf("%s holds %q, want %q", folder, got, files)
		}
		for _, file := range files {
			if got, want := string(readFile(t, filepath.Join(s.Path, file))), string(f.revisions["main"].files[folder+"/"+file]); got != want {
				t.Errorf("%s is %q, want %q", file, got, want)
			}
		}
		found = append(found, s)
	}
	f.hub.Close()
	f.storage.Close()
	for _, s := range found {
		if again, err := hub.ResolveFolder(context.Background(), s.Name, folderSets, o); err != nil || again != s {
			t.Errorf("without a network: %+v, %v", again, err)
		}
	}
	o.Offline = true
	if _, err := hub.ResolveFolder(context.Background(), repo+"/layer_9", folderSets, o); !errors.Is(err, hub.ErrOffline) {
		t.Errorf("offline: %v", err)
	}
}

func TestFolderErrors(t *testing.T) {
	f := newFakeHub(t)
	dictionaries(f)
	o := f.options(t)
	for name, want := range map[string]struct {
		kind error
		text string
	}{
		repo + "/layer_9":         {hub.ErrUnknownModel, `no folder "layer_9"`},
		repo + "/layer_3":         {fault.ErrUnsupportedFile, "sae_weights.safetensors with cfg.json"},
		repo:                      {fault.ErrUnsupportedFile, "params.npz"},
		repo + "/../../x":         {hub.ErrUnknownModel, "owner/name/folder"},
		repo + `/a\b`:             {hub.ErrUnknownModel, "owner/name/folder"},
		"no such folder":          {hub.ErrUnknownModel, "owner/name/folder"},
		"nobody/nothing/anywhere": {hub.ErrUnknownModel, "nobody/nothing"},
	} {
		_, err := hub.ResolveFolder(context.Background(), name, folderSets, o)
		if !errors.Is(err, want.kind) || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, want.kind, want.text)
		}
	}
	if entries, err := os.ReadDir(o.CacheDir); err == nil && len(entries) > 0 {
		t.Errorf("the cache holds %v", entries)
	}
}
