package hub_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/fault"
	"gopherlens/internal/hub"
	"gopherlens/internal/weights"
)

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func resolve(t *testing.T, name string, o hub.Options) hub.Source {
	t.Helper()
	s, err := hub.Resolve(t.Context(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// kinds are all that an error of this package can be.
var kinds = []error{hub.ErrUnknownModel, hub.ErrNoAccess, hub.ErrOffline, fault.ErrUnsupportedFile, fs.ErrNotExist}

// resolveError returns the error, which must never hold the token or a signature. It must
// be of the one kind given, or of none.
func resolveError(t *testing.T, name string, o hub.Options, want error) string {
	t.Helper()
	s, err := hub.Resolve(t.Context(), name, o)
	if err == nil {
		t.Fatalf("%s was found: %+v", name, s)
	}
	for _, kind := range kinds {
		if got := errors.Is(err, kind); got != (kind == want) {
			t.Errorf("it is %t that the error is of the kind %q: %v", got, kind, err)
		}
	}
	for _, hidden := range []string{secret, "X-Amz-Signature"} {
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("the error gives away %s: %v", hidden, err)
		}
	}
	return err.Error()
}

// firstValue opens the weights of a source, and tells which of the models it is.
func firstValue(t *testing.T, s hub.Source) float32 {
	t.Helper()
	f, err := weights.Open(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := f.Tensor("w")
	if err != nil {
		t.Fatal(err)
	}
	values, err := w.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	return values[0]
}

func TestDownload(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	var last [2]int64
	o.Progress = func(file string, done, total int64) {
		if file == largeFile {
			last = [2]int64{done, total}
		}
	}
	s := resolve(t, repo, o)
	folder := filepath.Join(o.CacheDir, "models--owner--tiny")
	if want := (hub.Source{Name: repo, Repo: repo, Path: filepath.Join(folder, "snapshots", shaMain), Revision: shaMain}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if v := firstValue(t, s); v != 1 {
		t.Errorf("the weights are those of model %v", v)
	}
	content := f.revisions["main"].files[largeFile]
	if size := int64(len(content)); last != [2]int64{size, size} {
		t.Errorf("progress ended at %v, want %d of %[2]d", last, size)
	}
	// The layout that Hugging Face documents, so that Python finds the files too.
	if got := string(readFile(t, filepath.Join(folder, "refs", "main"))); got != shaMain {
		t.Errorf("refs/main is %q", got)
	}
	blob := fmt.Sprintf("%x", sha256.Sum256(content))
	if link, err := os.Readlink(filepath.Join(s.Path, largeFile)); err != nil || link != "../../blobs/"+blob {
		t.Errorf("%s links to %q, %v; want ../../blobs/%s", largeFile, link, err, blob)
	}
	if got := fileNames(t, s.Path); !slices.Equal(got, []string{"config.json", largeFile, "tokenizer.json"}) {
		t.Errorf("the snapshot holds %q", got)
	}
	if got := fileNames(t, filepath.Join(folder, "blobs")); len(got) != 3 {
		t.Errorf("blobs are %q, want 3 and no leftovers", got)
	}
}

func fileNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestCachedNeedsNoNetwork: what was fetched once is found again without a request.
func TestCachedNeedsNoNetwork(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	first := resolve(t, repo, o)
	f.hub.Close()
	f.storage.Close()
	if again := resolve(t, repo, o); again != first {
		t.Errorf("without a network: %+v, want %+v", again, first)
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	if again := resolve(t, repo, o); again != first {
		t.Errorf("offline: %+v, want %+v", again, first)
	}
	o.Revision = shaMain // the commit itself needs no reference
	if again := resolve(t, repo, o); again != first {
		t.Errorf("by commit: %+v, want %+v", again, first)
	}
}

func TestRevision(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	resolve(t, repo, o)
	o.Revision = "step1000"
	s := resolve(t, repo, o)
	if v := firstValue(t, s); v != 2 || s.Revision != shaStep {
		t.Errorf("got model %v of commit %s, want 2 of %s", v, s.Revision, shaStep)
	}
	o.Revision = "step1001"
	if err := resolveError(t, repo, o, hub.ErrUnknownModel); !strings.Contains(err, `has no revision "step1001"`) {
		t.Errorf("error %q does not name the revision", err)
	}
	o.Revision = "../../elsewhere"
	if err := resolveError(t, repo, o, hub.ErrUnknownModel); !strings.Contains(err, "cannot be a revision") {
		t.Errorf("error %q does not refuse the revision", err)
	}
}

func TestShards(t *testing.T) {
	f := newFakeHub(t)
	files := f.revisions["main"].files
	files["model-00001-of-00001.safetensors"] = files[largeFile]
	delete(files, largeFile)
	files["model.safetensors.index.json"] = []byte(`{"weight_map":{"w":"model-00001-of-00001.safetensors"}}`)
	if v := firstValue(t, resolve(t, repo, f.options(t))); v != 1 {
		t.Errorf("the weights are those of model %v", v)
	}
	files["model.safetensors.index.json"] = []byte(`{"weight_map":{"w":"../../x.safetensors"}}`)
	if err := resolveError(t, repo, f.options(t), fault.ErrUnsupportedFile); !strings.Contains(err, "does not lie beside it") {
		t.Errorf("error %q does not refuse the shard's place", err)
	}
}

// TestOtherWeights: where there is no safetensors, the next best form is taken.
func TestOtherWeights(t *testing.T) {
	for _, c := range []struct{ files, want string }{
		{"pytorch_model.bin tf_model.h5", "pytorch_model.bin"},
		{"a.gguf README.md", "a.gguf"},
		{"final.pth checkpoint_1.pth", "final.pth"},
		{"a.gguf b.gguf", ""},
		{"a-00001-of-00002.gguf a-00002-of-00002.gguf", "a-00001-of-00002.gguf a-00002-of-00002.gguf"},
		{"a-00001-of-00002.gguf", "a-00001-of-00002.gguf"}, // the reader says what is missing
		{"a-00001-of-00002.gguf b-00002-of-00002.gguf", ""},
		{"tf_model.h5", ""},
	} {
		f := newFakeHub(t)
		files := map[string][]byte{"config.json": []byte("{}")}
		for _, name := range strings.Fields(c.files) {
			files[name] = []byte(name)
		}
		f.revisions["main"] = commit{shaMain, files}
		if c.want == "" {
			if err := resolveError(t, repo, f.options(t), fault.ErrUnsupportedFile); !strings.Contains(err, "no weights in a form that can be read") {
				t.Errorf("%s: error %q", c.files, err)
			}
			continue
		}
		got := fileNames(t, resolve(t, repo, f.options(t)).Path)
		want := slices.Sorted(slices.Values(append(strings.Fields(c.want), "config.json")))
		if !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("%s: fetched %q, want %q", c.files, got, want)
		}
	}
}

func TestTokenizerOnly(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	o.TokenizerOnly = true
	for range 2 { // the second time from the cache
		s := resolve(t, repo, o)
		if got := fileNames(t, s.Path); !slices.Equal(got, []string{"config.json", "tokenizer.json"}) {
			t.Errorf("fetched %q", got)
		}
	}
	if n := f.count(http.MethodGet, "/api/"); n != 1 {
		t.Errorf("%d requests for the list, want 1", n)
	}
	o.TokenizerOnly = false // a snapshot of a tokenizer is not taken for a model
	if v := firstValue(t, resolve(t, repo, o)); v != 1 {
		t.Errorf("the weights are those of model %v", v)
	}
}

// TestNoTokenizer: a model that has none is complete without it, and the hub is not
// asked for it again.
func TestNoTokenizer(t *testing.T) {
	f := newFakeHub(t)
	delete(f.revisions["main"].files, "tokenizer.json")
	o := f.options(t)
	first := resolve(t, repo, o)
	if again := resolve(t, repo, o); again != first {
		t.Errorf("the second time: %+v, want %+v", again, first)
	}
	if n := f.count(http.MethodGet, "/api/"); n != 1 {
		t.Errorf("%d requests for the list, want 1", n)
	}
}

// TestTokenizerFollows: a snapshot of weights alone, as a Python program leaves it
// that never tokenizes, is completed from the hub, and used as it is without one.
func TestTokenizerFollows(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	s := resolve(t, repo, o)
	if err := os.Remove(filepath.Join(s.Path, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	resolve(t, repo, o)
	if got := fileNames(t, s.Path); !slices.Contains(got, "tokenizer.json") {
		t.Errorf("the snapshot was left at %q", got)
	}
	if err := os.Remove(filepath.Join(s.Path, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	f.hub.Close()
	if again := resolve(t, repo, o); again != s {
		t.Errorf("without a network: %+v, want %+v", again, s)
	}
}

func TestOfflineWithoutFiles(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	o.Offline = true
	want := []string{repo, "is not in the cache", o.CacheDir, "switched off", "in a folder and pass its path", "or set HF_HUB_OFFLINE=0"}
	err := resolveError(t, repo, o, hub.ErrOffline)
	for _, part := range want {
		if !strings.Contains(err, part) {
			t.Errorf("error %q does not tell %q", err, part)
		}
	}
	if len(f.requests) != 0 {
		t.Errorf("%d requests although offline", len(f.requests))
	}
	o.Offline = false
	f.hub.Close()
	if err := resolveError(t, repo, o, hub.ErrOffline); !strings.Contains(err, "is not in the cache") ||
		!strings.Contains(err, "the hub cannot be reached: dial") || !strings.Contains(err, "or connect and try again") {
		t.Errorf("error %q does not tell that there is no network", err)
	}
}

// TestPythonCache: a cache as Python's library leaves it, with what the older
// name of a repository was, and without a tokenizer.
func TestPythonCache(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	o.Offline = true
	snapshot := filepath.Join(o.CacheDir, "models--gpt2", "snapshots", shaMain)
	writeFiles(t, snapshot, map[string][]byte{"config.json": []byte("{}"), largeFile: f.revisions["main"].files[largeFile]})
	writeFiles(t, filepath.Join(o.CacheDir, "models--gpt2", "refs"), map[string][]byte{"main": []byte(shaMain)})
	s := resolve(t, "gpt2-small", o)
	want := hub.Source{Name: "gpt2-small", Repo: "openai-community/gpt2", Path: snapshot, Revision: shaMain}
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if err := os.Remove(filepath.Join(snapshot, "config.json")); err != nil {
		t.Fatal(err)
	}
	resolveError(t, "gpt2-small", o, hub.ErrOffline) // weights alone are no model
}

func writeFiles(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCacheFolderFromEnvironment(t *testing.T) {
	f := newFakeHub(t)
	for _, c := range []struct{ variable, value, want string }{
		{"HF_HUB_CACHE", "/hub", "/hub"},
		{"HF_HOME", "/home", "/home/hub"},
		{"XDG_CACHE_HOME", "/xdg", "/xdg/huggingface/hub"},
		{"HOME", "/user", "/user/.cache/huggingface/hub"},
	} {
		o := f.options(t)
		root := t.TempDir()
		o.CacheDir = ""
		t.Setenv(c.variable, root+c.value)
		if got, want := resolve(t, repo, o).Path, root+c.want+"/models--owner--tiny/snapshots/"+shaMain; got != want {
			t.Errorf("%s=%s: got %s, want %s", c.variable, c.value, got, want)
		}
	}
}

func TestLocal(t *testing.T) {
	cleanEnvironment(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string][]byte{"model.gguf": nil})
	for _, path := range []string{dir, filepath.Join(dir, "model.gguf")} {
		if s := resolve(t, path, hub.Options{}); s.Path != path || s.Repo != "" {
			t.Errorf("%s: got %+v", path, s)
		}
	}
	if err := resolveError(t, dir, hub.Options{Revision: "step1"}, hub.ErrUnknownModel); !strings.Contains(err, "no revision") {
		t.Errorf("error %q does not tell that a folder has no revisions", err)
	}
}

func TestDefaultModel(t *testing.T) {
	cleanEnvironment(t)
	cache := t.TempDir()
	t.Setenv("GOPHERLENS_CACHE", cache)
	for _, part := range []string{"is not installed", "make setup", "gopherlens setup"} {
		if err := resolveError(t, hub.Default, hub.Options{}, fs.ErrNotExist); !strings.Contains(err, part) {
			t.Errorf("error %q does not tell %q", err, part)
		}
	}
	writeFiles(t, filepath.Join(cache, "models"), map[string][]byte{"SmolLM2-135M-Instruct.Q4_1.gguf": nil})
	want := filepath.Join(cache, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if s := resolve(t, "SmolLM2-135M", hub.Options{}); s.Path != want {
		t.Errorf("got %+v, want %s", s, want)
	}
	resolveError(t, hub.Default, hub.Options{Revision: "step1"}, hub.ErrUnknownModel)
}

func TestUnknownName(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	if err := resolveError(t, "gpt2-smal", o, hub.ErrUnknownModel); !strings.Contains(err, `unknown model "gpt2-smal"`) || !strings.Contains(err, `"gpt2-small"`) {
		t.Errorf("error %q does not suggest gpt2-small", err)
	}
	for _, name := range []string{"", "no such file.gguf", "../x", "a/b/c", "owner/na..me"} {
		if err := resolveError(t, name, o, hub.ErrUnknownModel); !strings.Contains(err, "unknown model") {
			t.Errorf("%q: error %q", name, err)
		}
	}
	if len(f.requests) != 0 {
		t.Errorf("%d requests for names that cannot be on the hub", len(f.requests))
	}
}

func TestAliases(t *testing.T) {
	seen := map[string]string{}
	for _, a := range hub.Aliases() {
		for _, name := range a.Names {
			if name != strings.ToLower(name) {
				t.Errorf("%s is not lower case and can never match", name)
			}
			if other, double := seen[name]; double {
				t.Errorf("%s means %s and %s", name, other, a.Repo)
			}
			seen[name] = a.Repo
		}
	}
	// As TransformerLens 2.16.1 has them (its own table, and the hub's new homes).
	for name, want := range map[string]string{
		"gpt2": "openai-community/gpt2", "gpt2-small": "openai-community/gpt2", "gpt2-xs": "distilbert/distilgpt2",
		"pythia-70m": "EleutherAI/pythia-70m", "pythia": "EleutherAI/pythia-70m", "attn-only-2l": "NeelNanda/Attn_Only_2L512W_C4_Code",
		"stanford-gpt2-small-a": "stanford-crfm/alias-gpt2-small-x21", "gpt-j-6b": "EleutherAI/gpt-j-6B",
		"gemma-2b": "google/gemma-2b", "qwen3-0.6b": "Qwen/Qwen3-0.6B", hub.Default: "",
	} {
		if got, ok := seen[name]; !ok || got != want {
			t.Errorf("%s means %q, want %q", name, got, want)
		}
	}
}

// TestCancelled ends a download in the middle of the weights, while their storage says nothing: it
// stops at once, and what is in the cache then is whole or called incomplete.
func TestCancelled(t *testing.T) {
	f := newFakeHub(t)
	hanging := make(chan struct{})
	defer close(hanging)
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/storage/") {
			return false
		}
		weights := f.revisions["main"].files[largeFile]
		w.Header().Set("Content-Length", fmt.Sprint(len(weights)))
		w.Write(weights[:1000])
		w.(http.Flusher).Flush()
		select {
		case <-hanging:
		case <-r.Context().Done():
		}
		return true
	}
	why := errors.New("the cell was interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	o := f.options(t)
	var asked time.Time
	o.Progress = func(file string, _, _ int64) {
		if file == largeFile {
			asked = time.Now()
			cancel(why)
		}
	}
	_, err := hub.Resolve(ctx, repo, o)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || errors.Is(err, hub.ErrOffline) {
		t.Errorf("got %v, want the error of the cancellation, with its cause", err)
	}
	if took := time.Since(asked); took > 20*time.Second { // at once where nothing else runs
		t.Errorf("it stopped after %v", took)
	}
	for path, content := range cachedFiles(t, o.CacheDir) {
		if strings.Contains(path, "/snapshots/") && len(content) == 1000 {
			t.Errorf("%s is broken", path)
		}
	}
	if _, err := hub.Resolve(ctx, repo, o); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	f.fault, o.Progress = nil, nil
	if v := firstValue(t, resolve(t, repo, o)); v != 1 {
		t.Errorf("afterwards the weights are those of model %v", v)
	}
	if got := f.ranges(); !slices.Contains(got, "bytes=1000-") {
		t.Errorf("the download begins anew: ranges %q", got)
	}
}

// cachedFiles are all files of a cache, links followed, by path.
func cachedFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The chat templates come along, those of a folder of their own too.
func TestChatTemplates(t *testing.T) {
	names := []string{"config.json", "model.safetensors", "chat_template.jinja", "additional_chat_templates/rag.jinja",
		"additional_chat_templates/README.md", "additional_chat_templates/old/rag.jinja", "other/rag.jinja"}
	want := []string{"config.json", "chat_template.jinja", "additional_chat_templates/rag.jinja", "model.safetensors"}
	if got, err := hub.ChooseFiles("owner/tiny", names, hub.Options{}); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
