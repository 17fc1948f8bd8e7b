package hooked_test

import (
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestComponents takes a model apart: each part, called on what it read in a run, gives what it
// wrote in the run.
func TestComponents(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range some(t, be) {
			t.Run(name, func(t *testing.T) { testComponents(t, load(t, name, hooked.NoProcessing, be)) })
		}
	})
}

// some are all families on pure Go, and on XLA, where each program takes its time to compile, one
// with learned positions and one with grouped queries and a gate.
func some(t *testing.T, be compute.Backend) []string {
	if be.Name() == "xla" {
		return []string{"gpt2", "llama"}
	}
	return families(t)
}

func testComponents(t *testing.T, m *hooked.Model) {
	tokens := hooked.Tokens{{1, 2, 3, 4, 5}, {5, 4, 3, 2, 1}}
	cfg := m.Config()
	logits, cache := hooked.Must2(m.RunWithCache(tokens))
	same := func(what string, got *hooked.Tensor, want *hooked.Tensor) {
		t.Helper()
		golden.Close(t, what, got.Float32s(), want.Float32s(), golden.Default)
	}
	same("embed", hooked.Must(m.Embed(tokens)), cache.Get("hook_embed"))
	if cfg.PositionalEmbedding.Learned() {
		same("pos_embed", hooked.Must(m.PosEmbed(tokens)), cache.Get("hook_pos_embed"))
	}
	final := hooked.Must(m.LNFinal(cache.Get("resid_post", -1)))
	if cfg.OutputLogitsSoftCap == 0 {
		same("unembed", hooked.Must(m.Unembed(final)), logits)
	}
	for l := range cfg.NLayers {
		resid := cache.Get("resid_pre", l)
		x := hooked.Must(m.LN1(l, resid))
		attn := hooked.Must(m.Attn(l, x, x, x))
		mlpReads := resid
		if !cfg.ParallelAttnMLP {
			mlpReads = cache.Get("resid_mid", l)
		}
		mlp := hooked.Must(m.MLP(l-cfg.NLayers, hooked.Must(m.LN2(l, mlpReads))))
		if cfg.NormalizationBeforeAndAfter { // the hooks lie after a norm more
			continue
		}
		same("attn", attn, cache.Get("attn_out", l))
		same("mlp", mlp, cache.Get("mlp_out", l))
	}
}

// TestAttnPerHead gives each head an input of its own, the copies that a run makes where it records
// them.
func TestAttnPerHead(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "llama", hooked.DefaultProcessing, be)
		_, cache := hooked.Must2(m.RunWithCache(hooked.Tokens{{1, 2, 3}}, hooked.Names("q_input", "k_input", "v_input", "attn_out")))
		normed := func(name string) *hooked.Tensor { return hooked.Must(m.LN1(1, cache.Get(name, 1))) }
		got := hooked.Must(m.Attn(1, normed("q_input"), normed("k_input"), normed("v_input")))
		golden.Close(t, "attention", got.Float32s(), cache.Get("attn_out", 1).Float32s(), golden.Default)
	})
}

// TestBadComponents names the part and what it wants.
func TestBadComponents(t *testing.T) {
	m := load(t, "llama", hooked.DefaultProcessing, nil)
	_, cache := hooked.Must2(m.RunWithCache(hooked.Tokens{{1, 2, 3}}))
	x, q := cache.Get("resid_pre", 0), cache.Get("q", 0)
	for want, run := range map[string]func() error{
		"unembed: the last axis must be d_model, 36":   func() error { _, err := m.Unembed(q); return err },
		"mlp: layer 9 does not exist":                  func() error { _, err := m.MLP(9, x); return err },
		"attn: want [batch, pos, d_model]":             func() error { _, err := m.Attn(0, x.At(0), x.At(0), x.At(0)); return err },
		"the same batch and pos":                       func() error { _, err := m.Attn(0, x, x.At(hooked.All, []int{0}), x); return err },
		"PosEmbed: the model has no learned positions": func() error { _, err := m.PosEmbed(hooked.Tokens{{1}}); return err },
		"embed: prompt 0, position 0: token 9999":      func() error { _, err := m.Embed(hooked.Tokens{{9999}}); return err },
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
