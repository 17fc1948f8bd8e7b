package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
)

// TestStagesOfOneGraph makes runs whose layers have the same graph and other results: each gets its
// own.
func TestStagesOfOneGraph(t *testing.T) {
	forEachFamilyBriefly(t, func(t *testing.T, be compute.Backend, name string) {
		_, file, tol := readGolden(t, name)
		m := load(t, name, hooked.NoProcessing, be)
		tokens := hooked.Tokens(file.Ints("tokens"))
		edit := hooked.Edit(hooked.AttnOut, hooked.Zero())
		logits, all := hooked.Must2(m.RunWithCache(tokens, edit))
		for _, names := range []hooked.Selector{"blocks.1.hook_resid_post", "blocks.0.hook_resid_post", "resid_pre", "blocks.0.hook_resid_*"} {
			_, cache := hooked.Must2(m.RunWithCache(tokens, edit, hooked.Names(names)))
			alone := hooked.Must(m.Cache(tokens, edit, hooked.Names(names)))
			for _, s := range cache.Sites() {
				closeTensors(t, s.Name(), cache.Get(s), all.Get(s), tol)
				closeTensors(t, s.Name()+" alone", alone.Get(s), all.Get(s), tol)
			}
			if cache.Len() == 0 || !slices.Equal(alone.Names(), cache.Names()) {
				t.Errorf("recorded %v and %v", cache.Names(), alone.Names())
			}
		}
		closeTensors(t, "logits", hooked.Must(m.Run(tokens, edit)), logits, tol)
	})
}

// TestEditsAcrossLayers moves an activation from one layer to another, which functions may do that
// see both.
func TestEditsAcrossLayers(t *testing.T) {
	forEachFamilyBriefly(t, func(t *testing.T, be compute.Backend, name string) {
		_, file, tol := readGolden(t, name)
		m := load(t, name, hooked.NoProcessing, be)
		tokens := hooked.Tokens(file.Ints("tokens"))
		last := m.Config().NLayers - 1
		var kept *graph.Node
		keep := func(x *graph.Node, _ hooked.Site) *graph.Node { kept = x; return x }
		use := func(*graph.Node, hooked.Site) *graph.Node { return kept }
		_, cache := hooked.Must2(m.RunWithCache(tokens, hooked.Edit(hooked.ResidPre.At(0), keep), hooked.Edit(hooked.ResidPost.At(last), use)))
		closeTensors(t, "moved", cache.Get("resid_post", last), cache.Get("resid_pre", 0), tol)

		x := hooked.Must(m.Cache(tokens)).Get("resid_pre", last)
		before := x.Float32s()
		_, cache = hooked.Must2(m.RunWithCache(x, hooked.StartAtLayer(last), hooked.Names("resid_post"),
			hooked.Edit(hooked.ResidPre.At(last), keep), hooked.Edit(hooked.ResidPost.At(last), use)))
		closeTensors(t, "moved within a layer", cache.Get("resid_post", last), x, tol)
		if !slices.Equal(before, x.Float32s()) {
			t.Error("a run changed the residual stream that it began with")
		}
	})
}

// TestObserversOfPrefixes reads activations of prompts that begin alike while the run lasts.
func TestObserversOfPrefixes(t *testing.T) {
	_, file, tol := readGolden(t, "gpt2")
	m := load(t, "gpt2", hooked.NoProcessing, nil)
	tokens := alike(file.Ints("tokens"))
	want := hooked.Must(m.Cache(tokens))
	seen := 0
	hooked.Must(m.Run(tokens, hooked.Observe("resid_post", func(x *hooked.Tensor, s hooked.Site) {
		seen++
		closeTensors(t, s.Name(), x, want.Get(s), tol)
	})))
	if seen != m.Config().NLayers {
		t.Errorf("%d activations were observed", seen)
	}
}

// TestBiasOfOneLayer leaves a bias to one layer alone, which must not share the others' program.
func TestBiasOfOneLayer(t *testing.T) {
	_, file, tol := readGolden(t, "gpt2")
	full := load(t, "gpt2", hooked.NoProcessing, nil)
	tokens := hooked.Tokens(file.Ints("tokens"))
	last := "blocks.1.attn.b_O"
	for _, with := range []string{"blocks.0.attn.b_O", last} {
		zeroed, without := hooked.Must(full.StateDict()), hooked.Must(full.StateDict())
		for name := range zeroed {
			if strings.HasSuffix(name, "attn.b_O") && name != with {
				clear(zeroed[name].Data)
				delete(without, name)
			}
		}
		for i := range zeroed[with].Data { // the fixture's may be zero
			zeroed[with].Data[i] += 1
			without[with].Data[i] = zeroed[with].Data[i]
		}
		a := hooked.Must(hooked.FromStateDict(full.Config(), zeroed, hooked.NoProcessing))
		b := hooked.Must(hooked.FromStateDict(full.Config(), without, hooked.NoProcessing))
		closeTensors(t, with, hooked.Must(b.Run(tokens)), hooked.Must(a.Run(tokens)), tol)
	}
}

// TestLateMistakes makes mistakes with a cache whose activations are still to be computed: they
// show at once.
func TestLateMistakes(t *testing.T) {
	_, file, _ := readGolden(t, "gpt2")
	m := load(t, "gpt2", hooked.NoProcessing, nil)
	tokens := alike(file.Ints("tokens"))
	cache := hooked.Must(m.Cache(tokens))
	if _, err := cache.SliceBatch(4); err == nil {
		t.Error("SliceBatch takes a prompt that is not there")
	}
	if _, err := cache.RemoveBatchDim(); err == nil {
		t.Error("RemoveBatchDim removes a batch of four")
	}
	if _, err := m.Cache(tokens, hooked.PosSlice(len(tokens[0]))); err == nil {
		t.Error("PosSlice takes a position that is not there")
	}
}
