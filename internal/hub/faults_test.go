package hub_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gopherlens/internal/hub"
)

// always answers every request with a status.
func always(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(status)
		return true
	}
}

// TestStatus: what each refusal says, and how often we ask before we believe it.
func TestStatus(t *testing.T) {
	for _, c := range []struct {
		status, requests int
		want             string
		kind             error
	}{
		{401, 1, "set HF_TOKEN", hub.ErrUnknownModel},
		{403, 1, "accept its licence", hub.ErrNoAccess},
		{404, 1, "does not exist", hub.ErrUnknownModel},
		{418, 1, "does not give owner/tiny (status 418)", nil},
		{429, 3, "too many requests", nil},
		{500, 3, "try again later", nil},
		{503, 3, "try again later (status 503)", nil},
	} {
		f := newFakeHub(t)
		f.fault = always(c.status)
		o := f.options(t)
		o.Token = secret
		if err := resolveError(t, repo, o, c.kind); !strings.Contains(err, c.want) || !strings.Contains(err, fmt.Sprint(c.status)) {
			t.Errorf("%d: error %q does not tell %q", c.status, err, c.want)
		}
		if n := f.count(http.MethodGet, "/api/"); n != c.requests {
			t.Errorf("%d: asked %d times, want %d", c.status, n, c.requests)
		}
	}
}

// TestRecovers: trouble that passes is waited out.
func TestRecovers(t *testing.T) {
	f := newFakeHub(t)
	var refused sync.Map // each kind of request is refused once
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if _, before := refused.LoadOrStore(r.Method+r.URL.Path, true); before {
			return false
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(map[bool]int{true: http.StatusTooManyRequests, false: http.StatusBadGateway}[r.Method == http.MethodHead])
		return true
	}
	if v := firstValue(t, resolve(t, repo, f.options(t))); v != 1 {
		t.Errorf("the weights are those of model %v", v)
	}
}

func TestToken(t *testing.T) {
	f := newFakeHub(t)
	f.token = secret
	if err := resolveError(t, repo, f.options(t), hub.ErrNoAccess); !strings.Contains(err, "accept its licence") || !strings.Contains(err, "HF_TOKEN") {
		t.Errorf("without a token: %s", err)
	}
	o := f.options(t)
	o.Token = secret[1:] // wrong
	resolveError(t, repo, o, hub.ErrNoAccess)

	for place, set := range map[string]func(*hub.Options){
		"option":      func(o *hub.Options) { o.Token = secret },
		"environment": func(*hub.Options) { t.Setenv("HF_TOKEN", secret) },
		"file":        func(*hub.Options) { writeToken(t, "~/.cache/huggingface") },
		"old file":    func(*hub.Options) { writeToken(t, "~/.huggingface") },
		"HF_HOME":     func(*hub.Options) { t.Setenv("HF_HOME", t.TempDir()); writeToken(t, os.Getenv("HF_HOME")) },
	} {
		o := f.options(t)
		set(&o)
		if v := firstValue(t, resolve(t, repo, o)); v != 1 {
			t.Errorf("%s: the weights are those of model %v", place, v)
		}
	}
	for _, r := range f.requests {
		if strings.HasPrefix(r.URL.Path, "/storage/") && r.Header.Get("Authorization") != "" {
			t.Error("the token was sent to another host")
		}
	}
}

func writeToken(t *testing.T, dir string) {
	t.Helper()
	dir = strings.Replace(dir, "~", os.Getenv("HOME"), 1)
	writeFiles(t, dir, map[string][]byte{"token": []byte(secret + "\n")})
}

// cut sends only the first part of a large file, and then closes the connection.
func cut(f *fakeHub, after int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/storage/") {
			return false
		}
		content := f.revisions["main"].files[largeFile]
		var from int
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		if from+after >= len(content) {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)-from))
		if from > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
			w.WriteHeader(http.StatusPartialContent)
		}
		w.Write(content[from : from+after])
		panic(http.ErrAbortHandler)
	}
}

// TestDrops: a connection that drops again and again, more often than there are
// attempts, still gets the file piece by piece.
func TestDrops(t *testing.T) {
	f := newFakeHub(t)
	f.fault = cut(f, 70_000) // of 400 kB: five drops
	if v := firstValue(t, resolve(t, repo, f.options(t))); v != 1 {
		t.Errorf("the weights are those of model %v", v)
	}
	want := []string{"", "bytes=70000-", "bytes=140000-", "bytes=210000-", "bytes=280000-", "bytes=350000-"}
	if got := f.ranges(); !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

// TestNetworkGoes: a network that is lost in the middle of a file, and stays lost.
func TestNetworkGoes(t *testing.T) {
	f := newFakeHub(t)
	part := cut(f, 70_000)
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/storage/") {
			f.hub.Listener.Close()
			f.storage.Listener.Close()
		}
		return part(w, r)
	}
	if err := resolveError(t, repo, f.options(t), hub.ErrOffline); !strings.Contains(err, "cannot be reached any more") {
		t.Errorf("error %q does not tell that the network went", err)
	}
}

// TestResume: what an interrupted program left is continued, whatever it is.
func TestResume(t *testing.T) {
	f := newFakeHub(t)
	content := f.revisions["main"].files[largeFile]
	blob := fmt.Sprintf("models--owner--tiny/blobs/%x.incomplete", sha256.Sum256(content))
	for _, c := range []struct {
		left   string
		part   []byte
		ranges []string
	}{
		{"a part", content[:1000], []string{"bytes=1000-"}},
		{"everything, unchecked", content, nil},
		{"too much", append(slices.Clone(content), 1), []string{""}},
		// seen by the checksum, then anew
		{"another part", make([]byte, 1000), []string{"bytes=1000-", ""}},
	} {
		f.requests = nil
		o := f.options(t)
		path := filepath.Join(o.CacheDir, blob)
		writeFiles(t, filepath.Dir(path), map[string][]byte{filepath.Base(path): c.part})
		if v := firstValue(t, resolve(t, repo, o)); v != 1 {
			t.Errorf("%s: the weights are those of model %v", c.left, v)
		}
		if got := f.ranges(); !slices.Equal(got, c.ranges) {
			t.Errorf("%s: asked for %q, want %q", c.left, got, c.ranges)
		}
	}
}

// TestNoRanges: a server that cannot continue sends the whole again, or refuses.
func TestNoRanges(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, content []byte){
		"whole file": func(w http.ResponseWriter, content []byte) { w.Write(content) },
		"refusal":    func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable) },
		"another place": func(w http.ResponseWriter, content []byte) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 5-%d/%d", len(content)-1, len(content)))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(content[5:])
		},
	} {
		f := newFakeHub(t)
		content := f.revisions["main"].files[largeFile]
		f.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Range") == "" {
				return false
			}
			answer(w, content)
			return true
		}
		o := f.options(t)
		writeFiles(t, filepath.Join(o.CacheDir, "models--owner--tiny/blobs"),
			map[string][]byte{fmt.Sprintf("%x.incomplete", sha256.Sum256(content)): content[:1000]})
		if v := firstValue(t, resolve(t, repo, o)); v != 1 {
			t.Errorf("%s: the weights are those of model %v", name, v)
		}
	}
}

// TestWrongChecksum: a file that is not what the hub announced is refused, and
// nothing of it stays.
func TestWrongChecksum(t *testing.T) {
	f := newFakeHub(t)
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/storage/") {
			return false
		}
		content := slices.Clone(f.revisions["main"].files[largeFile])
		content[len(content)-1]++
		w.Write(content)
		return true
	}
	o := f.options(t)
	if err := resolveError(t, repo, o, nil); !strings.Contains(err, "wrong checksum") || !strings.Contains(err, largeFile) {
		t.Errorf("error %q does not tell of the checksum and the file", err)
	}
	if n := len(f.ranges()); n != 2 {
		t.Errorf("fetched %d times, want 2: once more in case of an accident", n)
	}
	for _, name := range fileNames(t, filepath.Join(o.CacheDir, "models--owner--tiny/blobs")) {
		info, err := os.Stat(filepath.Join(o.CacheDir, "models--owner--tiny/blobs", name))
		if err != nil || strings.HasSuffix(name, ".incomplete") && info.Size() != 0 {
			t.Errorf("%s stayed (%v)", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(o.CacheDir, "models--owner--tiny/refs/main")); err == nil {
		t.Error("the revision is marked as fetched")
	}
	f.fault = nil
	if v := firstValue(t, resolve(t, repo, o)); v != 1 {
		t.Errorf("afterwards the weights are those of model %v", v)
	}
}

// TestSilence: a connection that stays open and says nothing is given up.
func TestSilence(t *testing.T) {
	f := newFakeHub(t)
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/storage/") {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(f.revisions["main"].files[largeFile])))
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	if err := resolveError(t, repo, f.options(t), nil); !strings.Contains(err, "went silent") {
		t.Errorf("error %q does not tell of the silence", err)
	}
}

func TestNotAHub(t *testing.T) {
	f := newFakeHub(t)
	for _, body := range []string{"<html>", `{}`, `{"sha":"../../../etc"}`} {
		f.fault = func(w http.ResponseWriter, r *http.Request) bool {
			fmt.Fprint(w, body)
			return true
		}
		if err := resolveError(t, repo, f.options(t), nil); !strings.Contains(err, "is HF_ENDPOINT right?") {
			t.Errorf("%s: error %q", body, err)
		}
	}
	o := f.options(t)
	o.Endpoint = "http://user:" + secret + "@127.0.0.1:1"
	resolveError(t, repo, o, hub.ErrOffline) // must not give the password away
	o.Endpoint = "://"
	if err := resolveError(t, repo, o, nil); !strings.Contains(err, "HF_ENDPOINT is not a URL") {
		t.Errorf("error %q", err)
	}
}

// TestTwoAtOnce: several that want the same model at the same time get it, and each
// file travels once.
func TestTwoAtOnce(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := hub.Resolve(t.Context(), repo, o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if v := firstValue(t, resolve(t, repo, o)); v != 1 {
		t.Errorf("the weights are those of model %v", v)
	}
	if got := f.ranges(); len(got) != 1 {
		t.Errorf("the large file travelled %d times, want once", len(got))
	}
}
