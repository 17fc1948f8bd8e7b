package fleet_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/fleet"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// wants complains unless an error has words in it.
func wants(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v, want %q in it", err, word)
			return
		}
	}
}

// hereWorker is a worker in the test's own process.
func hereWorker(t *testing.T, url string, options ...fleet.Option) {
	t.Helper()
	t.Setenv("GOMLX_BACKEND", "go")
	t.Setenv("GOPHERLENS_CACHE", t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	options = append(options, fleet.NATS(url), fleet.AckWait(2*time.Second))
	go func() { done <- fleet.Work(ctx, nil, options...) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// failing harvests 9 rows in a fleet, and gives the error.
func failing(t *testing.T, m *hooked.Model, options ...fleet.Option) error {
	t.Helper()
	f := fleet.New(options...)
	defer f.Close()
	c := config(filepath.Join(t.TempDir(), "store"))
	c.On = f
	s, err := activations.Harvest(t.Context(), m, rowsOf(t, 30, 9), c)
	if err == nil {
		s.Close()
	}
	return err
}

// alter is a cluster of one server whose options a test changes.
func alter(t *testing.T, change func(o *server.Options)) *cluster {
	t.Helper()
	c := startCluster(t, 1)
	c.stop(0)
	change(c.options[0])
	c.start(0)
	return c
}

// streamsOf opens JetStream as an administrator would.
func streamsOf(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestWrongCredentials(t *testing.T) {
	m := tiny(t)
	c := alter(t, func(o *server.Options) { o.Username, o.Password = "lab", "right" })
	url := strings.Replace(c.url(), "nats://", "nats://lab:wrong-secret@", 1)
	err := failing(t, m, fleet.NATS(url))
	wants(t, err, "cannot be connected to", "the credentials are not those of a user there")
	if strings.Contains(err.Error(), "wrong-secret") {
		t.Error("the error shows the password:", err)
	}
	err = fleet.Work(t.Context(), nil, fleet.NATS(url))
	wants(t, err, "the credentials are not those of a user there")
	wants(t, failing(t, m, fleet.NATS(c.url()), fleet.Credentials("nowhere.creds")), "nowhere.creds")
	wants(t, failing(t, m, fleet.NATS("nats://127.0.0.1:1")), "is a server there")
}

func TestNoJetStream(t *testing.T) {
	c := alter(t, func(o *server.Options) { o.JetStream = false })
	wants(t, failing(t, tiny(t), fleet.NATS(c.url())), "nats-server -js")
}

// TestNoWorker waits for a worker that never comes, beside one with another backend.
func TestNoWorker(t *testing.T) {
	c := startCluster(t, 1)
	hereWorker(t, c.url())
	err := failing(t, tiny(t), fleet.NATS(c.url()), fleet.Wait(2*time.Second), fleet.Backend("xla:of_another_world.so"))
	wants(t, err, `no worker for the backend "xla:of_another_world.so"`, "gopherlens worker --nats", "fleet.Backend takes one of these")
}

// TestUnknownModel has a worker that has neither cache nor hub: the caller is told; with the files
// in the queue it computes.
func TestUnknownModel(t *testing.T) {
	cache := t.TempDir()
	snapshot := filepath.Join(cache, "models--acme--tiny", "snapshots", "0123456789abcdef0123456789abcdef01234567")
	if err := os.CopyFS(snapshot, os.DirFS(llama)); err != nil {
		t.Fatal(err)
	}
	refs := filepath.Join(cache, "models--acme--tiny", "refs")
	if err := os.MkdirAll(refs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(refs, "main"), []byte(filepath.Base(snapshot)), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	t.Setenv("HF_HUB_CACHE", cache)
	m, err := hooked.FromPretrained("acme/tiny", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.WeightsHash(); err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, 1)
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	hereWorker(t, c.url())
	wants(t, failing(t, m, fleet.NATS(c.url())), "shard", "was given up after 3 tries", "the model acme/tiny cannot be had here", "not in the cache", "GOPHERLENS_DEAD")
	if err := failing(t, m, fleet.NATS(c.url()), fleet.ShareFiles()); err != nil {
		t.Error(err)
	}
}

// TestFullStream has a stream of tasks that is full of somebody else's.
func TestFullStream(t *testing.T) {
	m, c := tiny(t), startCluster(t, 1)
	js := streamsOf(t, c.url())
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "GOPHERLENS_TASKS", Subjects: []string{"gopherlens.task.>"},
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxMsgs: 2})
	if err != nil {
		t.Fatal(err)
	}
	hereWorker(t, c.url())
	for range 2 {
		if _, err := js.Publish(t.Context(), "gopherlens.task.other.job.key", nil); err != nil {
			t.Fatal(err)
		}
	}
	wants(t, failing(t, m, fleet.NATS(c.url()), fleet.Wait(time.Second)), "GOPHERLENS_TASKS", "it has no room")
	stream, err := js.Stream(t.Context(), "GOPHERLENS_TASKS")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeKeep(1)); err != nil {
		t.Fatal(err)
	}
	if err := failing(t, m, fleet.NATS(c.url())); err != nil {
		t.Error("with room for one task at a time:", err)
	}
}

// TestFullDisk has a server whose disk, and then a bucket that, has no room for what comes.
func TestFullDisk(t *testing.T) {
	m := tiny(t)
	clusters := map[string]*cluster{"server": alter(t, func(o *server.Options) { o.JetStreamMaxStore = 300 << 10; o.JetStreamMaxMemory = 1 << 20 })}
	if size(0, 1) > 0 { // the client waits long until it tells
		clusters["bucket"] = startCluster(t, 1)
	}
	for what, c := range clusters {
		if what == "bucket" {
			_, err := streamsOf(t, c.url()).CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "gopherlens-parcels", MaxBytes: 64 << 10})
			if err != nil {
				t.Fatal(err)
			}
		}
		hereWorker(t, c.url())
		f := fleet.New(fleet.NATS(c.url()), fleet.Wait(3*time.Second))
		config := activations.Config{Folder: filepath.Join(t.TempDir(), "store"), Sites: "resid_post", Batch: 8, Shard: 64, On: f}
		_, err := activations.Harvest(t.Context(), m, rowsOf(t, 640, 30), config)
		wants(t, err, "has no room")
		f.Close()
	}
}

// TestUnwritableFolder has a queue in this process whose folder cannot be made.
func TestUnwritableFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	wants(t, failing(t, tiny(t), fleet.Folder(filepath.Join(file, "queue"))), "the folder of the queue", "not a directory")
}

// TestInterrupted ends a harvest in the middle: its tasks leave the queue, and it goes on to the
// same bytes.
func TestInterrupted(t *testing.T) {
	m, c, folder := tiny(t), startCluster(t, 1), t.TempDir()
	hereWorker(t, c.url())
	rows := rowsOf(t, 300, 9)
	harvest(t, m, rows, config(filepath.Join(folder, "want")))
	f := fleet.New(fleet.NATS(c.url()))
	defer f.Close()
	got := config(filepath.Join(folder, "got"))
	got.On = f
	ctx, cancel := context.WithCancel(t.Context())
	got.Progress = func(p activations.Progress) {
		if p.Tokens > 900 {
			cancel()
		}
	}
	_, err := activations.Harvest(ctx, m, rows, got)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	wants(t, err, "harvest again to go on")
	if tasks, _, _, _, err := fleet.Left(t.Context(), c.url()); tasks > 2 || err != nil { // the worker's two slots
		t.Errorf("%d tasks are left in the queue: %v", tasks, err)
	}
	got.Progress = nil
	harvest(t, m, rows, got)
	sameFiles(t, got.Folder, filepath.Join(folder, "want"))
}

// TestWhatIsNoData refuses what cannot leave the process, and options that would do nothing.
func TestWhatIsNoData(t *testing.T) {
	m := tiny(t)
	base, source := prompts(2)
	f := fleet.New(fleet.Folder(t.TempDir()))
	defer f.Close()
	sweep := patching.Sweep{Kind: patching.ResidPre, Base: base, Source: patching.FromTokens(source), Metric: hooked.LogitDiff(base[:2])}
	for want, run := range map[string]func() error{
		"the source must be data": func() error {
			s := sweep
			s.Source = patching.Given{}
			_, err := s.Run(m, patching.On(f))
			return err
		},
		"functions do not leave this process": func() error {
			_, err := sweep.Run(m, patching.On(f), patching.Edits(hooked.Edit(hooked.AttnZ.At(0), hooked.Zero())))
			return err
		},
		"does not take On": func() error {
			_, err := sweep.Attribution(m, patching.On(f))
			return err
		},
		"Credentials would do nothing without NATS": func() error { return failing(t, m, fleet.Credentials("x")) },
		"RootCA would do nothing without NATS": func() error {
			return failing(t, m, fleet.OnProgress(func(fleet.Progress) {}), fleet.RootCA("x"))
		},
		"Credentials needs a file":              func() error { return failing(t, m, fleet.NATS("nats://a"), fleet.Credentials("")) },
		"RootCA needs a file":                   func() error { return failing(t, m, fleet.NATS("nats://a"), fleet.RootCA("")) },
		"a fleet does not take Slots":           func() error { return failing(t, m, fleet.Slots(2)) },
		"a fleet does not take Devices":         func() error { return failing(t, m, fleet.Devices(hooked.Devices{Batch: 2})) },
		"want at least 2 of one of them":        func() error { return fleet.Work(t.Context(), nil, fleet.Devices(hooked.Devices{Batch: 1})) },
		"NATS was given twice":                  func() error { return failing(t, m, fleet.NATS("nats://a"), fleet.NATS("nats://b")) },
		"a worker needs the address of a queue": func() error { return fleet.Work(t.Context(), nil) },
		"make it with fleet.New":                func() error { return new(fleet.Fleet).Patches(t.Context(), m, patching.Job{}, nil) },
	} {
		wants(t, run(), want)
	}
}

// TestMoreDevices starts a worker that asks for more devices than there are: it takes no task.
func TestMoreDevices(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	c := startCluster(t, 1)
	err := fleet.Work(t.Context(), nil, fleet.NATS(c.url()), fleet.Devices(hooked.Devices{Batch: 2, Weights: 3}))
	wants(t, err, "fleet: Devices: 6 devices are asked for", "has 1")
}

// TestPoison has a shard that is an error, and one that kills its worker.
func TestPoison(t *testing.T) {
	t.Setenv("GOPHERLENS_CACHE", t.TempDir())
	m := tiny(t)
	for how, want := range map[string]string{"fail": "a task that fails", "die": "nothing came of it"} {
		c := startCluster(t, 1)
		t.Setenv(childPoison, how)
		stop := supervise(t, c.url(), 2)
		wants(t, failing(t, m, fleet.NATS(c.url())), "shard 2 was given up", want, "GOPHERLENS_DEAD")
		stop()
	}
}
