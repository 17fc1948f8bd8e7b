package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
)

// siteModels are configurations that between them have every site.
var siteModels = map[string]hooked.Config{
	"solu_ln":   {Normalization: hooked.LN, ActFn: hooked.SoLULN},
	"folded":    {Normalization: hooked.LNPre, ActFn: hooked.SoLULN},
	"no norm":   {ActFn: "relu"},
	"attn only": {Normalization: hooked.LN, AttnOnly: true},
	"parallel":  {Normalization: hooked.LN, ActFn: "gelu", ParallelAttnMLP: true, PositionalEmbedding: hooked.RotaryPositions, RotaryDim: 2},
	"shortform": {Normalization: hooked.LN, ActFn: "relu", PositionalEmbedding: hooked.ShortformerPositions},
	"bloom":     {Normalization: hooked.LN, ActFn: "gelu_new", PositionalEmbedding: hooked.ALiBiPositions, PostEmbeddingLN: true},
	"both ways": {Normalization: hooked.LN, ActFn: "relu", AttentionDir: hooked.Bidirectional},
	"grouped":   {Normalization: hooked.RMS, ActFn: "silu", GatedMLP: true, NKeyValueHeads: 2, PositionalEmbedding: hooked.RotaryPositions, UseQKNorm: true},
	"experts": {Normalization: hooked.RMS, ActFn: "silu", GatedMLP: true, PositionalEmbedding: hooked.RotaryPositions, UseQKNorm: true,
		QKNorm: hooked.OwnLN, AttnSinks: true, NExperts: 7, ExpertsPerToken: 2, DExpert: 13, DSharedExpert: 10, Router: hooked.NormalizedRouter,
		SparseLayers: []bool{true, false}},
	"after only": {Normalization: hooked.RMS, ActFn: "silu", GatedMLP: true, NormalizationAfterOnly: true, PositionalEmbedding: hooked.RotaryPositions,
		RotaryLayers: []bool{true, false}, ClipQKV: 0.5},
	"post norms": {Normalization: hooked.RMS, ActFn: "silu", GatedMLP: true, NormalizationBeforeAndAfter: true, PositionalEmbedding: hooked.RotaryPositions},
}

// siteModel fills in the sizes, all of them different so that axes cannot be mistaken for each
// other.
func siteModel(t *testing.T, cfg hooked.Config) *hooked.Model {
	cfg.NLayers, cfg.DModel, cfg.NHeads, cfg.DHead, cfg.NCtx, cfg.DVocab, cfg.DMLP = 2, 24, 4, 6, 9, 19, 11
	return newTiny(t, cfg, nil)
}

// TestEverySite meets every site of every model in a run and checks name, order, and the sizes that
// its axes' names say.
func TestEverySite(t *testing.T) {
	met := make(map[string]bool)
	for name, cfg := range siteModels {
		m := siteModel(t, cfg)
		together := func(s hooked.Site) bool { return strings.HasSuffix(s.Name(), "hook_attn_in") }
		apart := func(s hooked.Site) bool {
			return slices.ContainsFunc([]string{"q_input", "k_input", "v_input"}, func(end string) bool { return strings.HasSuffix(s.Name(), end) })
		}
		for _, without := range []func(hooked.Site) bool{together, apart} { // one run has either
			want := slices.DeleteFunc(m.Config().Sites(), without)
			_, cache, err := m.RunWithCache(hooked.Tokens{{1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}, {11, 12, 13, 14, 15}}, hooked.Names(want))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := cache.Sites(); !slices.Equal(got, want) {
				t.Errorf("%s: met\n%v\nwant\n%v", name, got, want)
			}
			for _, s := range cache.Sites() {
				met[s.Name()] = true
				checkAxes(t, name, m.Config(), s, cache.Get(s), slices.ContainsFunc(want, together) || slices.ContainsFunc(want, apart))
			}
		}
	}
	for _, s := range everySite(t) {
		if !met[s.Name()] {
			t.Errorf("no model met %s", s)
		}
	}
}

// checkAxes compares an activation's axes with those that the list of sites names, and its sizes
// with what the names say. In a run that splits the input of attention by head its norm has a head
// axis too.
func checkAxes(t *testing.T, model string, cfg hooked.Config, s hooked.Site, x *hooked.Tensor, split bool) {
	t.Helper()
	sizes := map[string]int{"batch": 3, "pos": 5, "query": 5, "key": 5, "head": cfg.NHeads, "kv_head": cfg.NKeyValueHeads,
		"d_model": cfg.DModel, "d_head": cfg.DHead, "d_mlp": cfg.DMLP, "1": 1,
		"expert": cfg.NExperts, "slot": cfg.ExpertsPerToken, "d_expert": cfg.DExpert}
	axes := s.Axes()
	if split && strings.Contains(s.Name(), ".ln1.") {
		axes = slices.Insert(axes, 2, "head")
		if cfg.NKeyValueHeads != cfg.NHeads {
			axes[2] = "kv_head"
		}
	}
	for i, axis := range x.AxisNames() {
		listed := axes[i]
		if listed == "kv_head" && cfg.NKeyValueHeads == cfg.NHeads {
			listed = "head"
		}
		if axis != listed || x.Shape()[i] != sizes[axis] {
			t.Errorf("%s: %s is %v, want axes %v of sizes %v", model, s, x, axes, sizes)
			return
		}
	}
	if len(x.Shape()) != len(axes) {
		t.Errorf("%s: %s is %v, want axes %v", model, s, x, axes)
	}
}

// TestShortNames checks that every site of a layer that has one name of a part has a short name
// with its layer, which the names of all families' sites are told apart by.
func TestShortNames(t *testing.T) {
	decoder, _, _ := hooked.DeclaredSites()
	met := 0
	for _, s := range decoder {
		name := s.At(3).Name()
		part, word, ok := strings.Cut(strings.TrimPrefix(name, "blocks.3."), "hook_")
		part = strings.TrimSuffix(part, ".")
		if !strings.HasPrefix(name, "blocks.3.") || !ok || strings.Contains(part, ".") {
			continue // outside of the layers, or a full name alone tells it
		}
		met++
		for _, short := range []string{word + "3", word + "3" + part} {
			if got := hooked.Must(hooked.ActName(short)); got != name && (short != word+"3" || hooked.Must(hooked.ActName(word, 3)) == name) {
				t.Errorf("%q stands for %s, want %s", short, got, name)
			}
		}
	}
	if met < 25 {
		t.Errorf("only %d sites", met)
	}
	for _, args := range [][]any{{4}, {-1}} {
		if name, err := hooked.ActName("k6", args...); err == nil {
			t.Errorf("k6 in layer %v is %s", args, name)
		}
	}
	if name, err := hooked.ActName("scale4ln1", "ln2"); err == nil {
		t.Errorf("two parts make %s", name)
	}
}
