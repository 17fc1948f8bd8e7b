package train_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute"

	"gopherlens/bench/sides"
	"gopherlens/bench/steps"
	"gopherlens/hooked/train"
	"gopherlens/internal/golden"
)

// BenchmarkStep times a step, the compilation left out, and measures the memory of the process.
// `make bench` compares it with PyTorch.
//
//	go test ./hooked/train -run XXX -bench Step -benchtime 50x
func BenchmarkStep(b *testing.B) {
	for _, training := range steps.Trainings {
		b.Run(training.Name, func(b *testing.B) {
			var busy time.Duration
			took, err := training.Take(b.N, func() { busy = sides.ProcessorTime() })
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(took)/float64(b.N), "ns/op")
			b.ReportMetric(float64(sides.ProcessorTime()-busy)/float64(time.Millisecond)/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(residentMemory(b))/(1<<20), "MB")
		})
	}
}

// TestMemoryIsFlat takes ten thousand steps and holds that the process does not grow with them. It
// takes a minute: GOPHERLENS_TEST_LONG=1.
func TestMemoryIsFlat(t *testing.T) {
	if os.Getenv("GOPHERLENS_TEST_LONG") == "" {
		t.Skip("ten thousand steps: set GOPHERLENS_TEST_LONG")
	}
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		early := 0
		begin := time.Now()
		cfg := sums(t, 10000)
		cfg.OnStep = func(r *train.Report) error {
			if r.Step%1000 == 0 {
				debug.FreeOSMemory()
				now := residentMemory(t)
				t.Logf("step %d: %d MB, %s", r.Step, now>>20, time.Since(begin).Round(time.Second))
				if r.Step == 2000 {
					early = now
				}
				if r.Step == 10000 && now > early+16<<20 {
					t.Errorf("%d MB after 2000 steps, %d after 10000", early>>20, now>>20)
				}
			}
			return nil
		}
		mustRun(t, toy(t, be), cfg)
	})
}

// residentMemory is the process's memory in bytes.
func residentMemory(tb testing.TB) int {
	tb.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Skip("no /proc: ", err)
	}
	pages := 0
	if _, err := fmt.Sscan(strings.Fields(string(data))[1], &pages); err != nil {
		tb.Fatal(err)
	}
	return pages * os.Getpagesize()
}
