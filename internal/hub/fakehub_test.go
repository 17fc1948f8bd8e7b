package hub_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gopherlens/internal/hub"
	"gopherlens/internal/weights"
)

// fakeHub answers like huggingface.co: the list of a revision, checksums in
// headers, and large files through a redirection to another host.
type fakeHub struct {
	hub, storage *httptest.Server
	// revisions: name -> commit -> files
	revisions map[string]commit
	// fault may answer a request instead; it returns true if it did.
	fault func(w http.ResponseWriter, r *http.Request) bool
	// redirect makes the address in the storage out of its server's; localhost if nil.
	redirect func(storage string) string
	// token, if set, is required by the hub.
	token string

	mu       sync.Mutex
	requests []*http.Request
}

type commit struct {
	sha   string
	files map[string][]byte
}

const (
	repo      = "owner/tiny"
	shaMain   = "1111111111111111111111111111111111111111"
	shaStep   = "2222222222222222222222222222222222222222"
	secret    = "hf_secretsecretsecret"
	largeFile = "model.safetensors"
)

// newFakeHub serves a tiny model, and another at revision step1000.
func newFakeHub(t *testing.T) *fakeHub {
	t.Helper()
	f := &fakeHub{revisions: map[string]commit{
		"main":     {shaMain, tinyModel(t, 1)},
		"step1000": {shaStep, tinyModel(t, 2)},
	}}
	f.hub = httptest.NewServer(http.HandlerFunc(f.serveHub))
	f.storage = httptest.NewServer(http.HandlerFunc(f.serveStorage))
	t.Cleanup(f.hub.Close)
	t.Cleanup(f.storage.Close)
	return f
}

// tinyModel is a repository with what a model needs and what it does not.
func tinyModel(t *testing.T, value float32) map[string][]byte {
	t.Helper()
	values := make([]float32, 100_000) // 400 kB: more than one packet
	for i := range values {
		values[i] = value
	}
	path := filepath.Join(t.TempDir(), largeFile)
	if err := weights.WriteSafetensors(path, nil, []weights.Named{weights.FromFloat32s("w", []int{len(values)}, values)}); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"config.json": []byte(`{"model_type":"gpt2"}`), "tokenizer.json": []byte(`{}`), largeFile: readFile(t, path),
		"README.md": []byte("# not needed"), "pytorch_model.bin": []byte("not needed"), "flax_model.msgpack": []byte("not needed"),
	}
}

// options point at the fake hub and a cache of the test's own.
func (f *fakeHub) options(t *testing.T) hub.Options {
	t.Helper()
	cleanEnvironment(t)
	return hub.Options{CacheDir: t.TempDir(), Endpoint: f.hub.URL}.Impatient()
}

// cleanEnvironment hides the user's own settings and files from a test.
func cleanEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_CACHE",
		"HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT", "XDG_CACHE_HOME", "GOPHERLENS_CACHE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
}

func (f *fakeHub) note(r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
}

// count tells how many requests of a method had a path that contains part.
func (f *fakeHub) count(method, part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if r.Method == method && strings.Contains(r.URL.Path, part) {
			n++
		}
	}
	return n
}

// ranges lists the Range headers with which the storage was asked.
func (f *fakeHub) ranges() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, r := range f.requests {
		if strings.HasPrefix(r.URL.Path, "/storage/") {
			all = append(all, r.Header.Get("Range"))
		}
	}
	return all
}

func (f *fakeHub) serveHub(w http.ResponseWriter, r *http.Request) {
	f.note(r)
	if f.fault != nil && f.fault(w, r) {
		return
	}
	if f.token != "" && r.Header.Get("Authorization") != "Bearer "+f.token {
		w.Header().Set("X-Error-Code", "GatedRepo")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/api/models/"+repo+"/revision/"); ok {
		f.serveInfo(w, rest)
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/"+repo+"/resolve/"); ok {
		f.serveFile(w, r, rest)
		return
	}
	w.Header().Set("X-Error-Code", "RepoNotFound")
	w.WriteHeader(http.StatusUnauthorized)
}

func (f *fakeHub) serveInfo(w http.ResponseWriter, revision string) {
	c, ok := f.revisions[revision]
	if !ok {
		w.Header().Set("X-Error-Code", "RevisionNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	type sibling struct {
		Name string `json:"rfilename"`
	}
	var siblings []sibling
	for name := range c.files {
		siblings = append(siblings, sibling{name})
	}
	json.NewEncoder(w).Encode(map[string]any{"sha": c.sha, "siblings": siblings})
}

// serveFile gives small files with git's hash as their ETag, and sends large ones
// to the storage.
func (f *fakeHub) serveFile(w http.ResponseWriter, r *http.Request, rest string) {
	revision, name, _ := strings.Cut(rest, "/")
	sha, content, ok := f.content(revision, name)
	if !ok {
		w.Header().Set("X-Error-Code", "EntryNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("X-Repo-Commit", sha)
	if !isLarge(name) {
		w.Header().Set("Etag", `"`+gitHash(content)+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		return
	}
	w.Header().Set("X-Linked-Etag", fmt.Sprintf(`"%x"`, sha256.Sum256(content)))
	w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
	// The storage is another host by name, so that the token must not follow.
	other := strings.Replace(f.storage.URL, "127.0.0.1", "localhost", 1)
	if f.redirect != nil {
		other = f.redirect(f.storage.URL)
	}
	http.Redirect(w, r, other+"/storage/"+rest+"?X-Amz-Signature=signed", http.StatusFound)
}

func (f *fakeHub) serveStorage(w http.ResponseWriter, r *http.Request) {
	f.note(r)
	if f.fault != nil && f.fault(w, r) {
		return
	}
	revision, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/storage/"), "/")
	_, content, _ := f.content(revision, name)
	w.Header().Set("Etag", `"the storage's own"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// content finds a file by the name of a revision or its commit.
func (f *fakeHub) content(revision, name string) (sha string, content []byte, ok bool) {
	for known, c := range f.revisions {
		if content, ok := c.files[name]; ok && (revision == known || revision == c.sha) {
			return c.sha, content, true
		}
	}
	return "", nil, false
}

// isLarge tells what the hub keeps outside git.
func isLarge(name string) bool { return !strings.HasSuffix(name, ".json") }

// gitHash is git's hash of a blob.
func gitHash(content []byte) string {
	return fmt.Sprintf("%x", sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(content)), content...)))
}
