package hub_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/fault"
	"gopherlens/internal/hub"
	"gopherlens/internal/program"
)

// farOptions have this test's program asked in place of gopherlens.
func (f *fakeHub) farOptions(t *testing.T) hub.Options {
	t.Helper()
	o := f.options(t)
	t.Setenv(program.Env, os.Args[0])
	return o
}

// TestFar downloads through another process, as cells do.
func TestFar(t *testing.T) {
	f := newFakeHub(t)
	f.token = secret
	o := f.farOptions(t)
	o.Token, o.Revision = secret, "step1000"
	var done, total int64
	o.Progress = func(file string, d, of int64) {
		if file == largeFile {
			done, total = d, of
		}
	}
	path, commit, _, err := o.Far(t.Context(), repo, "", nil)
	if err != nil || commit != shaStep {
		t.Fatal(commit, err)
	}
	want := f.revisions["step1000"].files[largeFile]
	if got := readFile(t, filepath.Join(path, largeFile)); !slices.Equal(got, want) {
		t.Errorf("%d bytes came, and not the %d of the hub", len(got), len(want))
	}
	if done != int64(len(want)) || total != done {
		t.Errorf("the last that was told of it: %d of %d bytes, it has %d", done, total, len(want))
	}
	if again, err := hub.Resolve(t.Context(), repo, o); err != nil || again.Path != path {
		t.Errorf("here it is found as %+v, %v", again, err)
	}
}

// TestFarFolder downloads one folder's files.
func TestFarFolder(t *testing.T) {
	f := newFakeHub(t)
	dictionaries(f)
	o := f.farOptions(t)
	_, commit, _, err := o.Far(t.Context(), repo, "layer_2", folderSets)
	if err != nil || commit != shaMain {
		t.Fatal(commit, err)
	}
	folder := filepath.Join(o.CacheDir, "models--owner--tiny", "snapshots", commit, "layer_2")
	if got := fileNames(t, folder); !slices.Equal(got, []string{"cfg.json", "sae_weights.safetensors"}) {
		t.Errorf("the folder holds %q", got)
	}
}

// TestFarErrors holds that errors keep their text and kind.
func TestFarErrors(t *testing.T) {
	f := newFakeHub(t)
	dictionaries(f)
	o := f.farOptions(t)
	for _, c := range []struct {
		repo, folder string
		sets         [][]string
		kind         error
	}{{"owner/none", "", nil, hub.ErrUnknownModel}, {repo, "layer_9", folderSets, hub.ErrUnknownModel}, {repo, "layer_3", folderSets, fault.ErrUnsupportedFile}} {
		_, _, _, far := o.Far(t.Context(), c.repo, c.folder, c.sets)
		var here error
		if c.sets == nil {
			_, here = hub.Resolve(t.Context(), c.repo, o)
		} else {
			_, here = hub.ResolveFolder(t.Context(), c.repo+"/"+c.folder, c.sets, o)
		}
		if !errors.Is(far, c.kind) || !errors.Is(here, c.kind) || far.Error() != here.Error() {
			t.Errorf("%s/%s: the other process's error is %v, this one's %v", c.repo, c.folder, far, here)
		}
	}
	f.token = "another"
	if _, _, unreachable, err := o.Far(t.Context(), repo, "", nil); !errors.Is(err, hub.ErrNoAccess) || unreachable {
		t.Errorf("a gated repository: %v (unreachable: %v)", err, unreachable)
	}
	f.hub.Close()
	if _, _, unreachable, err := o.Far(t.Context(), repo, "", nil); err == nil || !unreachable {
		t.Errorf("without a hub: %v (unreachable: %v)", err, unreachable)
	}
	t.Setenv(program.Env, "/bin/false")
	if _, _, _, err := o.Far(t.Context(), repo, "", nil); err == nil || !strings.Contains(err.Error(), "make setup") {
		t.Errorf("a program that is another: %v", err)
	}
	t.Setenv(program.Env, "/no/such/program")
	if _, _, _, err := o.Far(t.Context(), repo, "", nil); err == nil || !strings.Contains(err.Error(), program.Env) {
		t.Errorf("a program that is not there: %v", err)
	}
}

// TestFarInterrupted ends a download with its context, and with the process that wants it.
func TestFarInterrupted(t *testing.T) {
	f := newFakeHub(t)
	asked := make(chan bool, 9)
	f.fault = func(_ http.ResponseWriter, r *http.Request) bool {
		asked <- true
		<-r.Context().Done()
		return true
	}
	o := f.farOptions(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, _, _, err := o.Far(ctx, repo, "", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted download: %v", err)
	}
	in, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- hub.Serve(t.Context(), in, io.Discard) }()
	io.WriteString(out, `{"Repo":"owner/tiny","Revision":"main","CacheDir":"`+o.CacheDir+`","Endpoint":"`+f.hub.URL+`"}`)
	<-asked
	out.Close()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("it goes on when whoever asked is gone")
	}
}

// TestCellsHaveNoHTTP holds what all this is for.
func TestCellsHaveNoHTTP(t *testing.T) {
	text, err := exec.Command("go", "list", "-deps", "-tags=gopherlens_cell", "gopherlens/hooked", "gopherlens/plots", "gopherlens/hooked/patching").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(text))
	if !slices.Contains(packages, "gopherlens/internal/hub") || slices.Contains(packages, "net/http") || slices.Contains(packages, "crypto/tls") {
		t.Errorf("a cell links these, and must link internal/hub without net/http and crypto/tls: %q", packages)
	}
}
