package hub_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/hub"
)

// With this variable the test binary is another process that wants the model: it
// resolves repo from that endpoint into the cache of HF_HUB_CACHE, and ends.
const endpointVariable = "HUB_TEST_ENDPOINT"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == hub.FetchCommand { // as the program gopherlens
		if err := hub.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	endpoint := os.Getenv(endpointVariable)
	if endpoint == "" {
		os.Exit(m.Run())
	}
	if _, err := hub.Resolve(context.Background(), repo, hub.Options{Endpoint: endpoint}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// otherProcess starts another process that wants the model.
func (f *fakeHub) otherProcess(t *testing.T, o hub.Options) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), endpointVariable+"="+f.hub.URL, "HF_HUB_CACHE="+o.CacheDir)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestProcessesAtOnce: the lock holds between processes too.
func TestProcessesAtOnce(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	others := []*exec.Cmd{f.otherProcess(t, o), f.otherProcess(t, o)}
	s := resolve(t, repo, o)
	for _, c := range others {
		if err := c.Wait(); err != nil {
			t.Errorf("another process: %v", err)
		}
	}
	if v := firstValue(t, s); v != 1 {
		t.Errorf("the weights are those of model %v", v)
	}
	if got := f.ranges(); len(got) != 1 {
		t.Errorf("the large file travelled %d times, want once", len(got))
	}
}

// TestKilledProcess: what a process left that was killed in the middle, its lock
// included, does not stand in the way, and what had arrived is not fetched again.
func TestKilledProcess(t *testing.T) {
	f := newFakeHub(t)
	o := f.options(t)
	const arrived = 70_000
	sent := make(chan struct{})
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/storage/") || r.Header.Get("Range") != "" {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(f.revisions["main"].files[largeFile])))
		w.Write(f.revisions["main"].files[largeFile][:arrived])
		w.(http.Flusher).Flush()
		close(sent)
		<-r.Context().Done() // until the process is dead
		return true
	}
	other := f.otherProcess(t, o)
	<-sent
	// until it has stored what we sent
	for size := int64(0); size < arrived; time.Sleep(time.Millisecond) {
		parts, err := filepath.Glob(filepath.Join(o.CacheDir, "models--owner--tiny/blobs/*.incomplete"))
		if err != nil || len(parts) != 1 {
			continue
		}
		if info, err := os.Stat(parts[0]); err == nil {
			size = info.Size()
		}
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	other.Wait()
	if v := firstValue(t, resolve(t, repo, o)); v != 1 {
		t.Errorf("the weights are those of model %v", v)
	}
	if got := f.ranges(); len(got) != 2 || got[1] != fmt.Sprintf("bytes=%d-", arrived) {
		t.Errorf("asked for %q, want the rest from %d", got, arrived)
	}
}
