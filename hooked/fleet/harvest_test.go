package fleet_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/fleet"
	"gopherlens/internal/golden"
)

// llama is the tiny model of package hooked's fixtures: 3 layers, d_model 36, 336 tokens.
const llama = "../testdata/arch/llama"

func tiny(t testing.TB) *hooked.Model {
	t.Helper()
	m, err := hooked.FromPretrained(llama, hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// rowsOf are n rows of tokens that have little in common.
func rowsOf(t testing.TB, n, length int) corpus.Contexts {
	t.Helper()
	c, err := corpus.FromTokens(golden.Rows(n, length, 336))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// config is a harvest of some kilobytes a shard.
func config(folder string) activations.Config {
	return activations.Config{Folder: folder, Sites: []string{"resid_post", "blocks.1.attn.hook_z"}, DType: hooked.BF16, Batch: 4, Shard: 8}
}

func harvest(t testing.TB, m *hooked.Model, rows corpus.Contexts, c activations.Config) {
	t.Helper()
	s, err := activations.Harvest(t.Context(), m, rows, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// sameFiles compares two folders byte for byte.
func sameFiles(t testing.TB, got, want string) {
	t.Helper()
	names := make(map[string]bool)
	for _, folder := range []string{got, want} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names[e.Name()] = true
		}
	}
	for name := range names {
		a, err := os.ReadFile(filepath.Join(got, name))
		b, err2 := os.ReadFile(filepath.Join(want, name))
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: the fleet's has %d bytes (%v), that of one process %d (%v), and they are not the same", name, len(a), err, len(b), err2)
		}
	}
}

// TestHarvestHere harvests with the queue in this process.
func TestHarvestHere(t *testing.T) {
	m, rows, folder := tiny(t), rowsOf(t, 67, 9), t.TempDir()
	harvest(t, m, rows, config(filepath.Join(folder, "want")))
	f := fleet.New(fleet.Folder(filepath.Join(folder, "queue")))
	defer f.Close()
	c := config(filepath.Join(folder, "got"))
	c.On = f
	c.Tokens = 20 * 9 // two shards and a half, then the rest
	harvest(t, m, rows, c)
	c.Tokens = 0
	var last activations.Progress
	c.Progress = func(p activations.Progress) { last = p }
	harvest(t, m, rows, c)
	sameFiles(t, c.Folder, filepath.Join(folder, "want"))
	if last.Tokens != 67*9 || last.Fresh != 51*9 || last.Workers != 1 {
		t.Errorf("the last progress was %+v", last)
	}
}

// faults are what happens to a cluster and its workers while a job is under way.
type faults struct {
	t       *testing.T
	cluster *cluster
	cache   string
	slow    time.Duration
	workers []*process
	suspend time.Duration
	steps   []func() // of each, once it is so far
	mu      sync.Mutex
	next    int
	busy    sync.WaitGroup
}

// newFaults begins four workers, and prepares every fault once.
func newFaults(t *testing.T, servers int, slow, suspend time.Duration) *faults {
	f := &faults{t: t, cluster: startCluster(t, servers), cache: t.TempDir(), slow: slow, suspend: suspend}
	for range 4 {
		f.workers = append(f.workers, startWorker(t, f.cluster.url(), f.cache, slow))
	}
	f.steps = []func(){
		func() { f.workers[1].signal(syscall.SIGSTOP) },
		func() {
			f.workers[0].kill()
			f.workers[0] = startWorker(t, f.cluster.url(), f.cache, slow)
		},
		func() {
			f.cluster.stop(1)
			time.Sleep(2 * time.Second)
			f.cluster.start(1)
		},
		func() {
			f.workers[2].kill()
			f.workers[2] = startWorker(t, f.cluster.url(), f.cache, slow)
		},
		func() {
			time.Sleep(f.suspend)
			f.workers[1].signal(syscall.SIGCONT)
		},
	}
	return f
}

// reached tells that a share of the work is done: each fault has its share at which it happens.
func (f *faults) reached(share float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.next < len(f.steps) && share >= float64(f.next+1)/float64(len(f.steps)+2) {
		step := f.steps[f.next]
		f.next++
		f.busy.Go(step)
	}
}

// all complains if the job has ended before everything has happened.
func (f *faults) all() {
	f.t.Helper()
	f.busy.Wait()
	if f.next < len(f.steps) {
		f.t.Errorf("only %d of %d faults came before the end", f.next, len(f.steps))
	}
}

// lie runs a worker that returns bad results beside the others.
func (f *faults) lie(tasks int) (stop func()) {
	ctx, cancel := context.WithCancel(f.t.Context())
	done, ready := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		lies, err := fleet.Lie(ctx, f.cluster.url(), tasks, func() { close(ready) })
		if lies < tasks || err != nil && ctx.Err() == nil {
			f.t.Errorf("the liar has told %d of %d lies: %v", lies, tasks, err)
		}
	}()
	select {
	case <-ready:
	case <-done:
	}
	return func() { cancel(); <-done }
}

// size is a test's: small in continuous integration, large where `make test-fleet` says so.
func size(small, whole int) int {
	if os.Getenv("GOPHERLENS_TEST_FLEET") == "whole" {
		return whole
	}
	return small
}

// TestHarvestAmongFaults harvests on three servers and four workers while these are killed,
// stopped, suspended and lied to, and compares every byte with what one process makes.
func TestHarvestAmongFaults(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	t.Setenv("GOPHERLENS_CACHE", t.TempDir())
	m, folder := tiny(t), t.TempDir()
	const length = 20
	rows := rowsOf(t, size(20_000, 200_000)/length, length)
	want := config(filepath.Join(folder, "want"))
	harvest(t, m, rows, want)
	fs := newFaults(t, 3, 40*time.Millisecond, time.Duration(size(3, 60))*time.Second)
	var again int
	f := fleet.New(fleet.NATS(fs.cluster.url()), fleet.OnProgress(func(p fleet.Progress) { again = p.Again }))
	defer f.Close()
	c := config(filepath.Join(folder, "got"))
	c.On = f
	of := size(20_000, 200_000)
	c.Progress = func(p activations.Progress) { fs.reached(float64(p.Tokens) / float64(of)) }
	stop := fs.lie(6)
	start := time.Now()
	harvest(t, m, rows, c)
	t.Logf("%v, %d tasks given out again", time.Since(start), again)
	stop()
	fs.all()
	sameFiles(t, c.Folder, want.Folder)
	nothingLeft(t, fs.cluster.url())
}

// nothingLeft complains if a queue is not empty soon: what came late is removed by its worker.
func nothingLeft(t *testing.T, url string) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		tasks, results, dead, objects, err := fleet.Left(t.Context(), url)
		if tasks+results+dead+objects == 0 && err == nil {
			return
		}
		if time.Since(start) > 30*time.Second {
			t.Errorf("%d tasks, %d results, %d dead and %d objects are left: %v", tasks, results, dead, objects, err)
			return
		}
	}
}

// TestLateResult suspends a worker in the middle of a task until its job is over: what it publishes
// when it wakes up does not stay in the queue.
func TestLateResult(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	t.Setenv("GOPHERLENS_CACHE", t.TempDir())
	m, folder := tiny(t), t.TempDir()
	cluster, cache := startCluster(t, 1), t.TempDir()
	late := startWorker(t, cluster.url(), cache, time.Second)
	f := fleet.New(fleet.NATS(cluster.url()))
	defer f.Close()
	c := config(filepath.Join(folder, "got"))
	c.On = f
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		harvest(t, m, rowsOf(t, 20, 9), c)
	}()
	time.Sleep(700 * time.Millisecond) // it has a task by now, or takes it when it wakes up
	late.signal(syscall.SIGSTOP)
	startWorker(t, cluster.url(), cache, 0)
	<-ended
	late.signal(syscall.SIGCONT)
	time.Sleep(1500 * time.Millisecond) // for the late one to publish
	nothingLeft(t, cluster.url())
}
