package fleet_test

import (
	"math"
	"path/filepath"
	"runtime"
	"testing"

	"gopherlens/bench/sides"
	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/fleet"
	"gopherlens/internal/golden"

	_ "gopherlens/xla"
)

// What docs/scale.md says was measured with
//
//	go test ./hooked/fleet -run '^$' -bench . -benchtime 3x

// cpu is [sides.ProcessorTime] in seconds: on a machine that others use, too, it says more than the
// clock.
func cpu() float64 { return sides.ProcessorTime().Seconds() }

// BenchmarkHarvest harvests 4096 tokens of SmolLM2-135M in this process and in a fleet of one, in
// turns, and compares the least time that each has computed: others' work makes it more, never
// less.
func BenchmarkHarvest(b *testing.B) {
	m, err := hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.ForDefaultModel(b)})
	if err != nil {
		b.Fatal(err)
	}
	rows := rowsOf(b, 32, 128)
	f := fleet.New(fleet.Folder(b.TempDir()))
	defer f.Close()
	one := func(on activations.Fleet) float64 {
		c := activations.Config{Folder: filepath.Join(b.TempDir(), "store"), Sites: hooked.ResidPost.At(12), DType: hooked.BF16, Batch: 8, Shard: 16, On: on}
		before := cpu()
		harvest(b, m, rows, c)
		return cpu() - before
	}
	one(f) // compiles
	process, inFleet := math.Inf(1), math.Inf(1)
	for b.Loop() {
		process = min(process, one(nil))
		inFleet = min(inFleet, one(f))
	}
	b.ReportMetric(process, "process-cpu-s")
	b.ReportMetric(inFleet, "fleet-cpu-s")
	b.ReportMetric(100*(inFleet/process-1), "overhead-%")
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
		if err := f.Run(ctx, m, tasks, 4, func(int) {}); err != nil {
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

// TestMemory sends bodies of 4 MB through a queue with caller, worker and server in this process:
// what lives at the end is about what lived after a quarter of them.
func TestMemory(t *testing.T) {
	fleet.WithNothing()
	m, f := tiny(t), fleet.New(fleet.Folder(t.TempDir()))
	defer f.Close()
	const tasks, bytes = 40, 4 << 20
	var early, late int
	err := f.Run(t.Context(), m, tasks, bytes, func(done int) {
		switch done {
		case tasks / 4:
			early = heap()
		case tasks:
			late = heap()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if grown := late - early; early == 0 || grown > 30*bytes/5 {
		t.Errorf("%d bytes live after 10 bodies of %d and %d after 40", early, bytes, late)
	}
	t.Logf("%d bytes live after 10 bodies of %d and %d after 40", early, bytes, late)
}
