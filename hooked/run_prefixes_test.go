package hooked_test

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
)

// alike are prompts of which two begin alike, two end alike and two are the same.
func alike(rows hooked.Tokens) hooked.Tokens {
	a, b := rows[0], rows[1]
	k := len(a) * 3 / 4
	return hooked.Tokens{a, slices.Concat(a[:k], b[k:]), a, slices.Concat(a[:1], b[1:k], a[k:])}
}

// TestPrefixes holds runs of prompts that begin alike, which compute each beginning once, against
// runs of each prompt alone, which cannot: every activation, logits, losses, with edits and
// without.
func TestPrefixes(t *testing.T) {
	forEachFamilyBriefly(t, func(t *testing.T, be compute.Backend, name string) {
		_, file, tol := readGolden(t, name)
		m := load(t, name, hooked.DefaultProcessing, be)
		tokens := alike(file.Ints("tokens"))
		last := m.Config().NLayers - 1
		edit := hooked.Edit(hooked.ResidPre.At(last), hooked.ScaleBy(1.5, hooked.Pos(1)))
		for _, v := range []struct {
			name    string
			options []hooked.Option
		}{
			{"plain", nil},
			{"optional sites", []hooked.Option{hooked.Names("*", splitSites, "hook_tokens")}},
			{"edited", []hooked.Option{edit}},
			{"edited in the end", []hooked.Option{hooked.Edit(hooked.LNFinalScale, hooked.ScaleBy(2.0))}},
			{"edited at once", []hooked.Option{hooked.Edit(hooked.Embed, hooked.ScaleBy(2.0, hooked.Pos(0)))}},
			{"logits at two positions", []hooked.Option{hooked.LogitsAt(-1, 2)}},
			{"some positions", []hooked.Option{hooked.PosSlice(-1, 0)}},
			{"stopped", []hooked.Option{hooked.StopAtLayer(last)}},
			{"stopped at once", []hooked.Option{hooked.StopAtLayer(0)}},
		} {
			if v.name == "edited in the end" && m.Config().Normalization == hooked.NoNorm {
				continue
			}
			out, cache := hooked.Must2(m.RunWithCache(tokens, v.options...))
			for i := range tokens {
				alone, want := hooked.Must2(m.RunWithCache(tokens[i:i+1], v.options...))
				closeTensors(t, v.name+": result", out.At(i), alone.At(0), tol)
				if !slices.Equal(cache.Names(), want.Names()) {
					t.Fatalf("%s: recorded %v, want %v", v.name, cache.Names(), want.Names())
				}
				for _, s := range cache.Sites() {
					closeTensors(t, v.name+": "+s.Name(), cache.Get(s).At(i), want.Get(s).At(0), tol)
				}
			}
		}
		losses := hooked.Must(m.Loss(tokens, hooked.LossPerToken()))
		for i := range tokens {
			closeTensors(t, "loss", losses.At(i), hooked.Must(m.Loss(tokens[i:i+1], hooked.LossPerToken())).At(0), tol)
		}
	})
}

// TestPrefixesDeferred is the same of a cache that computes its activations when they are read.
func TestPrefixesDeferred(t *testing.T) {
	_, file, tol := readGolden(t, "llama")
	m := load(t, "llama", hooked.DefaultProcessing, nil)
	tokens := alike(file.Ints("tokens"))
	want := hooked.Must(m.Cache(tokens))
	defer hooked.DeferAbove(0)()
	got := hooked.Must(m.Cache(tokens))
	for _, s := range want.Sites() {
		closeTensors(t, s.Name(), got.Get(s), want.Get(s), tol)
	}
}
