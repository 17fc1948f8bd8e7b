package hooked_test

import (
	"os"
	"path/filepath"
	"testing"

	"gopherlens/bench/sides"
	"gopherlens/hooked"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/golden"
	"gopherlens/internal/sysmem"
)

// benchConfig is a model of a tenth of GPT-2 small's size, whose activations are as large as its
// weights for the tokens of [benchTokens].
var benchConfig = hooked.Config{NLayers: 6, DModel: 256, NHeads: 8, DHead: 32, NCtx: 128, DVocab: 4096, ActFn: hooked.GELU,
	Normalization: hooked.LN, Seed: 1}

func benchTokens() hooked.Tokens {
	tokens := make(hooked.Tokens, 8)
	for i := range tokens {
		for p := range 128 {
			tokens[i] = append(tokens[i], (31*i+7*p)%4096)
		}
	}
	return tokens
}

// BenchmarkRunWithCache records everything, one activation, or nothing, and reports by how much the
// process grew at most, in MB: what a names filter must save, as well as time. The backend is the
// process's own (GOMLX_BACKEND).
func BenchmarkRunWithCache(b *testing.B) {
	m := newTiny(b, benchConfig, nil)
	tokens := benchTokens()
	for _, c := range []struct {
		name    string
		options []hooked.Option
	}{
		{"all sites", nil},
		{"one site", []hooked.Option{hooked.Names(hooked.ResidPost.At(2))}},
		{"one site of a stopped run", []hooked.Option{hooked.Names(hooked.ResidPost.At(2)), hooked.StopAtLayer(3)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			measure(b, func() error { _, _, err := m.RunWithCache(tokens, c.options...); return err })
		})
	}
	b.Run("none", func(b *testing.B) {
		measure(b, func() error { _, err := m.Run(tokens); return err })
	})
	b.Run("none and one position's logits", func(b *testing.B) {
		measure(b, func() error { _, err := m.Run(tokens, hooked.LogitsAt(-1)); return err })
	})
}

// BenchmarkGenerate makes 50 tokens greedily, compiled before.
func BenchmarkGenerate(b *testing.B) {
	m := newTiny(b, benchConfig, nil)
	prompt := hooked.Tokens{benchTokens()[0][:16]}
	b.Run("50 tokens", func(b *testing.B) {
		measure(b, func() error { _, err := m.Generate(prompt, noStop(50)); return err })
	})
}

// measure runs f once to compile, then as often as the benchmark wants.
func measure(b *testing.B, f func() error) {
	b.Helper()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	before := memory(b, "VmRSS")
	resetPeak(b)
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(memory(b, "VmHWM")-before, "peak-MB")
}

// memory is a figure of this process in MB: what it holds (VmRSS), or held at most since resetPeak
// (VmHWM). It counts the memory of XLA, which Go's own figures do not.
func memory(b *testing.B, figure string) float64 {
	n, ok := sysmem.Status(figure)
	if !ok {
		b.Fatal("memory is measured on Linux only: no ", figure)
	}
	return float64(n) / (1 << 20)
}

// resetPeak makes VmHWM count anew: see proc_pid_clear_refs(5).
func resetPeak(b *testing.B) {
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLoad reads the default model's weights from its file, processes them and puts them on
// the pure Go backend; cpu-ms is what all threads took together.
func BenchmarkLoad(b *testing.B) {
	path := filepath.Join(hooked.Must(cachedir.Join("models")), "SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := os.Stat(path); err != nil {
		b.Skip("the default model is not installed")
	}
	b.Setenv("GOPHERLENS_CACHE", b.TempDir()) // nothing was processed before
	b.Setenv(hooked.ProcessedLimitEnv, "0")
	be := golden.PureGo(b)
	before := sides.ProcessorTime()
	for b.Loop() {
		m := hooked.Must(hooked.FromPretrained(path, hooked.DefaultProcessing, hooked.LoadOptions{Backend: be}))
		hooked.Must(m.Weight("blocks.0.attn.W_O"))
	}
	b.ReportMetric((sides.ProcessorTime()-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
}
