package hooked_test

import (
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
	"gopherlens/xla"
)

// What scripts/gpu-check runs beside the fixtures, on a machine without Go.

// TestPlugin says which version of PJRT's API a plugin speaks, and opens it.
func TestPlugin(t *testing.T) {
	config, ok := golden.Plugin()
	if !ok {
		t.Skip("no PJRT plugin is installed: run `make setup`")
	}
	path, _, _ := strings.Cut(config, ",")
	has, err := xla.PluginVersion(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("PJRT API %v, this program needs %v or newer: %s", has, xla.Built, path)
	be, err := compute.NewWithConfig("xla:" + config)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("devices: ", be.Description())
}

// shapes are random models of GPT-2's architecture: one to try this file with, GPT-2 small's sizes
// and GPT-2 XL's, 1.5 billion weights.
var shapes = []struct {
	name                    string
	layers, d, heads, vocab int
}{
	{"tiny", 2, 64, 4, 1000},
	{"gpt2-small", 12, 768, 12, 50257},
	{"gpt2-xl", 48, 1600, 25, 50257},
}

// BenchmarkShapes runs them on the plugin to test with: -bench 'Shapes/gpt2-small/float32/forward'.
// scripts/gpu_check_torch.py does the same in PyTorch.
func BenchmarkShapes(b *testing.B) {
	config, ok := golden.Plugin()
	if !ok {
		b.Skip("no PJRT plugin is installed: run `make setup`")
	}
	be, err := compute.NewWithConfig("xla:" + config)
	if err != nil {
		b.Fatal(err)
	}
	for _, shape := range shapes {
		for _, dtype := range []hooked.DType{hooked.F32, hooked.BF16} {
			b.Run(shape.name+"/"+string(dtype), func(b *testing.B) {
				m := newTiny(b, hooked.Config{NLayers: shape.layers, DModel: shape.d, NHeads: shape.heads, DHead: shape.d / shape.heads,
					NCtx: 1024, DVocab: shape.vocab, ActFn: hooked.GELUNew, Normalization: hooked.LN, DType: dtype, Seed: 1}, be)
				benchmarkShape(b, m, shape.vocab)
			})
		}
	}
}

// benchmarkShape runs the four verbs. What comes out is read to the last number, as PyTorch's side
// waits for the card.
func benchmarkShape(b *testing.B, m *hooked.Model, vocab int) {
	tokens := make(hooked.Tokens, 4)
	for i := range tokens {
		for p := range 128 {
			tokens[i] = append(tokens[i], (31*i+7*p)%vocab)
		}
	}
	sweep := patching.Sweep{Kind: patching.ResidPre, Base: hooked.Tokens{tokens[1][:32]},
		Source: patching.FromTokens(hooked.Tokens{tokens[0][:32]}), Metric: hooked.LogitDiff(hooked.Tokens{{5, 6}})}
	for _, verb := range []struct {
		name string
		run  func() error
	}{
		{"forward", func() error {
			logits, err := m.Run(tokens, hooked.LogitsAt(-1))
			if err == nil {
				logits.Float32s()
			}
			return err
		}},
		{"cache", func() error {
			_, cache, err := m.RunWithCache(tokens)
			if err == nil {
				cache.Get("resid_post", -1).At(0, -1).Float32s()
			}
			return err
		}},
		{"sweep", func() error { _, err := sweep.Run(m); return err }},
		{"generate", func() error { _, err := m.Generate(hooked.Tokens{tokens[0][:16]}, noStop(50)); return err }},
	} {
		b.Run(verb.name, func(b *testing.B) {
			if err := verb.run(); err != nil { // compiles
				b.Fatal(err)
			}
			for b.Loop() {
				if err := verb.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
