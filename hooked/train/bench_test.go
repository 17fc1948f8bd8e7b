package train_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/internal/golden"
)

// The trainings whose steps are timed; bench/train/peer.py is the same in PyTorch.
//
//	go test ./hooked/train -run XXX -bench Step -benchtime 50x
var benchmarks = map[string]func(tb testing.TB) (hooked.Config, train.Config){
	// (a) addition modulo 113, full batch: 3830 texts of 3 tokens
	"addition": func(tb testing.TB) (hooked.Config, train.Config) {
		known, _, err := hooked.Must(train.ModularAddition(113)).Split(0.3, 1)
		if err != nil {
			tb.Fatal(err)
		}
		return hooked.Config{NLayers: 1, DModel: 128, NHeads: 4, DHead: 32, DMLP: 512, ActFn: "relu", NCtx: 3, DVocab: 114, DVocabOut: 113,
				InitMode: "gpt2", InitializerRange: 0.09},
			train.Config{Data: known.Full(), Loss: train.CrossEntropy("sum", -1), Optimizer: train.AdamW{Decay: 1, Betas: [2]float64{0.9, 0.98}}}
	},
	// (b) 4 layers, d_model 256, 16 texts of 128 tokens
	"texts": func(testing.TB) (hooked.Config, train.Config) {
		random := rand.New(rand.NewPCG(1, 0))
		tokens := make(hooked.Tokens, 16)
		for i := range tokens {
			for range 128 {
				tokens[i] = append(tokens[i], random.IntN(5000))
			}
		}
		return hooked.Config{NLayers: 4, DModel: 256, NHeads: 4, DHead: 64, DMLP: 1024, ActFn: "gelu_new", Normalization: hooked.LN, NCtx: 128, DVocab: 5000,
			InitMode: "gpt2", InitializerRange: 0.02}, train.Config{Data: train.Batch{Tokens: tokens}.Full()}
	},
}

// BenchmarkStep times a step, the compilation left out, and measures the memory of the process.
func BenchmarkStep(b *testing.B) {
	for name, of := range benchmarks {
		b.Run(name, func(b *testing.B) {
			shape, cfg := of(b)
			m, err := hooked.New(shape)
			if err != nil {
				b.Fatal(err)
			}
			cfg.LearningRate, cfg.Steps = 1e-3, b.N+3
			var busy time.Duration
			cfg.OnStep = func(r *train.Report) error {
				if r.Step == 3 {
					b.ResetTimer()
					busy = processorTime(b)
				}
				return nil
			}
			if _, err := train.Run(context.Background(), m, cfg); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(processorTime(b)-busy)/float64(time.Millisecond)/float64(b.N), "cpu-ms/op")
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

// processorTime is how long the process has kept processors busy: what a busy machine measures
// best.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
