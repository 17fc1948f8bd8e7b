package fleet_test

import (
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/fleet"
	"gopherlens/internal/golden"

	_ "gopherlens/xla"
)

// What docs/scale.md says was measured with
//
//	go test ./hooked/fleet -run '^$' -bench . -benchtime 3x

// cpu is the time that this process has computed, in seconds: on a machine that others use, too, it
// says more than the clock.
func cpu() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// BenchmarkHarvest harvests 4096 tokens of SmolLM2-135M in this process, and in a fleet of one.
func BenchmarkHarvest(b *testing.B) {
	m, err := hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.ForDefaultModel(b)})
	if err != nil {
		b.Fatal(err)
	}
	rows := rowsOf(b, 32, 128)
	f := fleet.New(fleet.Folder(b.TempDir()))
	defer f.Close()
	one := func(b *testing.B, on activations.Fleet) {
		c := activations.Config{Folder: filepath.Join(b.TempDir(), "store"), Sites: hooked.ResidPost.At(12), DType: hooked.BF16, Batch: 8, Shard: 16, On: on}
		harvest(b, m, rows, c)
	}
	one(b, nil) // compiles
	for name, on := range map[string]activations.Fleet{"process": nil, "fleet": f} {
		b.Run(name, func(b *testing.B) {
			before := cpu()
			for b.Loop() {
				one(b, on)
			}
			b.ReportMetric((cpu()-before)/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(b.N*32*128)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkTasks sends 2000 tasks that are nothing to do through one node on the loopback and back,
// with one caller and 16 slots.
func BenchmarkTasks(b *testing.B) {
	b.Setenv("GOMLX_BACKEND", "go")
	b.Setenv("GOPHERLENS_CACHE", b.TempDir())
	fleet.WithNothing()
	m, c := tiny(b), startCluster(b, 1)
	ctx := b.Context()
	go fleet.Work(ctx, nil, fleet.NATS(c.url()), fleet.Slots(16))
	f := fleet.New(fleet.NATS(c.url()))
	defer f.Close()
	const tasks = 2000
	before := cpu()
	for b.Loop() {
		if err := f.Run(ctx, m, tasks); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*tasks)/b.Elapsed().Seconds(), "tasks/s")
	b.ReportMetric((cpu()-before)/float64(b.N*tasks)*1e6, "cpu-µs/task") // of caller, worker and server together
}

// BenchmarkParcels puts bodies of 16 MB into the store of one node and fetches them.
func BenchmarkParcels(b *testing.B) {
	c := startCluster(b, 1)
	body := make([]byte, 16<<20)
	for i := range body {
		body[i] = byte(i * i >> 7)
	}
	before := cpu()
	for b.Loop() {
		if err := fleet.Through(b.Context(), c.url(), body); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(body)))
	b.ReportMetric((cpu()-before)/float64(b.N)/16*1e3, "cpu-ms/MB")
}

// heap is what lives of this process's memory, in bytes.
func heap() int {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}

// TestMemory harvests through a queue with caller, worker and server in this process: what lives
// after a quarter of the shards is about as much as at the end.
func TestMemory(t *testing.T) {
	m, f := tiny(t), fleet.New(fleet.Folder(t.TempDir()))
	defer f.Close()
	c := config(filepath.Join(t.TempDir(), "store"))
	c.On, c.Shard = f, 32
	const rows, length = 640, 30
	var early, late int
	c.Progress = func(p activations.Progress) {
		switch p.Tokens {
		case 5 * 32 * length:
			early = heap()
		case rows * length:
			late = heap()
		}
	}
	harvest(t, m, rowsOf(t, rows, length), c)
	written := 15 * 32 * length * 36 * 4 * 2 // bytes of the shards between
	if grown := late - early; early == 0 || grown > written/4 {
		t.Errorf("%d bytes live after 5 of 20 shards and %d at the end, while %d were written", early, late, written)
	}
}
