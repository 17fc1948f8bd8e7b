package hooked_test

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gohub "github.com/gomlx/go-huggingface/hub"

	"gopherlens/hooked"
)

const repoCommit = "0123456789abcdef0123456789abcdef01234567"

// snapshot lays files out as Hugging Face's cache does, links into blobs included, and returns the
// snapshot's folder.
func snapshot(t *testing.T, from string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "models--owner--tiny")
	folder := filepath.Join(root, "snapshots", repoCommit)
	for _, dir := range []string{folder, filepath.Join(root, "blobs")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"config.json", "model.safetensors"} {
		content, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		blob := hashOf(content)
		if err := os.WriteFile(filepath.Join(root, "blobs", blob), content, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..", "..", "blobs", blob), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// sameLogits holds that a model computes what the one in the folder does.
func sameLogits(t *testing.T, m *hooked.Model, folder string) {
	t.Helper()
	want, err := hooked.FromPretrained(folder, hooked.DefaultProcessing)
	if err != nil {
		t.Fatal(err)
	}
	tokens := hooked.Tokens{{1, 5, 2, 7}}
	a, err := m.Run(tokens)
	if err != nil {
		t.Fatal(err)
	}
	b, err := want.Run(tokens)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Float32s(), b.Float32s()) {
		t.Error("the logits differ")
	}
}

// TestFromRepoLocal reads a snapshot of Hugging Face's cache through go-huggingface's NewLocal.
func TestFromRepoLocal(t *testing.T) {
	fixture := filepath.Join("testdata", "arch", "gpt2")
	repo := gohub.NewLocal(snapshot(t, fixture))
	repo.ID = "owner/tiny"
	m, err := hooked.FromRepo(repo, hooked.DefaultProcessing, hooked.LoadOptions{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	if name := m.Config().ModelName; name != "owner/tiny" {
		t.Errorf("the model is called %q", name)
	}
	sameLogits(t, m, fixture)
}

// hubOf serves a folder as the hub does, as far as go-huggingface asks.
func hubOf(t *testing.T, folder string, names ...string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/models/owner/tiny/revision/main", func(w http.ResponseWriter, _ *http.Request) {
		var siblings []map[string]string
		for _, name := range names {
			siblings = append(siblings, map[string]string{"rfilename": name})
		}
		json.NewEncoder(w).Encode(map[string]any{"id": "owner/tiny", "sha": repoCommit, "siblings": siblings})
	})
	mux.HandleFunc("GET /owner/tiny/resolve/"+repoCommit+"/{name}", func(w http.ResponseWriter, r *http.Request) {
		content, err := os.ReadFile(filepath.Join(folder, r.PathValue("name")))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"`+hashOf(content)+`"`)
		w.Header().Set("X-Repo-Commit", repoCommit)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(content)))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// TestFromRepoRemote has go-huggingface download a model from a hub.
func TestFromRepoRemote(t *testing.T) {
	t.Setenv("HF_HUB_OFFLINE", "")
	t.Setenv("TRANSFORMERS_OFFLINE", "")
	fixture := filepath.Join("testdata", "arch", "gpt2")
	server := hubOf(t, fixture, "config.json", "model.safetensors", "README.md", "flax_model.msgpack")
	repo := gohub.New("owner/tiny").WithEndpoint(server.URL).WithCacheDir(t.TempDir())
	repo.Verbosity = 0
	m, err := hooked.FromRepo(repo, hooked.DefaultProcessing)
	if err != nil {
		t.Fatal(err)
	}
	sameLogits(t, m, fixture)

	bare := gohub.New("owner/tiny").WithEndpoint(hubOf(t, fixture, "config.json").URL).WithCacheDir(t.TempDir())
	bare.Verbosity = 0
	if _, err := hooked.FromRepo(bare, hooked.DefaultProcessing); !errors.Is(err, hooked.ErrUnsupportedFile) || !strings.Contains(err.Error(), "no weights") {
		t.Errorf("error %v, want one about weights", err)
	}
}

//go:embed testdata/arch/gpt2/config.json
var embedded embed.FS

func TestFromRepoRefuses(t *testing.T) {
	local := gohub.NewLocal(filepath.Join("testdata", "arch", "gpt2"))
	for _, test := range []struct {
		repo *gohub.Repo
		o    hooked.LoadOptions
		want string
	}{
		{nil, hooked.LoadOptions{}, "repository is nil"},
		{&gohub.Repo{}, hooked.LoadOptions{}, "has no name"},
		{gohub.NewEmbed(embedded, "testdata/arch/gpt2"), hooked.LoadOptions{}, "os.CopyFS"},
		{local, hooked.LoadOptions{Revision: "main"}, "WithRevision"},
		{local, hooked.LoadOptions{Progress: func(string, int64, int64) {}}, "Verbosity"},
		{gohub.New("owner/tiny"), hooked.LoadOptions{Offline: true}, "switched off"},
		{gohub.NewLocal(t.TempDir()), hooked.LoadOptions{}, "loading"},
		{gohub.NewLocal("/no/such/folder"), hooked.LoadOptions{}, "no such file"},
		{gohub.NewLocal(filepath.Join("testdata", "encoder")), hooked.LoadOptions{}, "loading"},
	} {
		if _, err := hooked.FromRepo(test.repo, hooked.DefaultProcessing, test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
}
