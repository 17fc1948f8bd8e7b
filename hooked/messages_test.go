package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestNearestHooks misspells hooks in the form in which each was asked for, and wants the right
// name in that form.
func TestNearestHooks(t *testing.T) {
	m := load(t, "gpt2", hooked.NoProcessing, golden.PureGo(t))
	cache := hooked.Must(m.Cache([]int{1, 2}))
	discard := func(_ any, err error) error { return err }
	for want, err := range map[string]error{
		`unknown hook "patern"; nearest: "pattern"`:                         discard(cache.Lookup("patern", 1)),
		`unknown hook "hook_patern"; nearest: "pattern"`:                    discard(m.Cache([]int{1}, hooked.Names("hook_patern"))),
		`unknown hook "resid_pst"; nearest: "resid_post"`:                   discard(m.Cache([]int{1}, hooked.Names("resid_pst"))),
		`unknown hook "patern1"; nearest: "pattern1"`:                       discard(m.Cache([]int{1}, hooked.Names("patern1"))),
		`unknown hook "embd"; nearest: "embed"`:                             discard(m.Cache([]int{1}, hooked.Names("embd"))),
		`unknown hook "scal"; nearest: "scale"`:                             discard(cache.Lookup("scal", 1, "ln1")),
		`nearest: "blocks.1.attn.hook_pattern"`:                             discard(cache.Lookup("blocks.1.attn.hook_patern")),
		`nearest: "ln_final.hook_scale"`:                                    discard(cache.Lookup("ln_finl.hook_scale")),
		`after the name stand at most a layer (int) and a part (string), g`: discard(cache.Lookup("q", 0, 1)),
		`after the Site blocks.*.attn.hook_q may stand a layer (int), got`:  discard(cache.Lookup(hooked.AttnQ, 0, "attn")),
		`the zero Site is no place in a model`:                              discard(cache.Lookup(hooked.Site{}, 0)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	// what was suggested selects something
	for _, name := range []string{"pattern", "pattern1", "resid_post", "embed"} {
		if _, err := m.Cache([]int{1}, hooked.Names(name)); err != nil {
			t.Error(err)
		}
	}
}

// TestUnnamedModel describes a model made of a Config.
func TestUnnamedModel(t *testing.T) {
	cfg := hooked.Config{NLayers: 2, DModel: 8, NCtx: 8, DHead: 4, NHeads: 2, DMLP: 16, DVocab: 10, DVocabOut: 6, ActFn: hooked.ReLU, Normalization: hooked.LN}
	m := hooked.Must(hooked.New(cfg, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	if text := m.String(); !strings.HasPrefix(text, "new model (2 layers, d_model 8)\n") {
		t.Errorf("it is described as %q", text)
	}
	if _, err := m.Run("text"); err == nil || err.Error() != "new model (2 layers, d_model 8) has no tokenizer: give it token ids" {
		t.Errorf("error %v", err)
	}
	logits, cache := hooked.Must2(m.RunWithCache([]int{1, 2}))
	last := hooked.Must(m.LNFinal(cache.Get("resid_post", -1)))
	for what, out := range map[string]*hooked.Tensor{"logits": logits, "Unembed": hooked.Must(m.Unembed(last)), "W_U": hooked.Must(m.WU()), "b_U": hooked.Must(m.BU())} {
		if axes := out.AxisNames(); axes[len(axes)-1] != "d_vocab_out" {
			t.Errorf("the axes of %s are %v", what, axes)
		}
	}
	same := hooked.Must(hooked.New(func() hooked.Config { cfg.DVocabOut = 0; return cfg }(), hooked.LoadOptions{Backend: golden.PureGo(t)}))
	if axes := hooked.Must(same.Run([]int{1})).AxisNames(); !slices.Equal(axes, []string{"batch", "pos", "d_vocab"}) {
		t.Errorf("the axes of logits are %v", axes)
	}
}

// TestProgressVariable sets a variable to what means nothing.
func TestProgressVariable(t *testing.T) {
	cfg := hooked.Config{NLayers: 2, DModel: 8, NCtx: 8, DHead: 4, NHeads: 2, DMLP: 16, DVocab: 10, ActFn: hooked.ReLU, Normalization: hooked.LN}
	t.Setenv("GOPHERLENS_PROGRESS", "no")
	if _, err := hooked.New(cfg, hooked.LoadOptions{Backend: golden.PureGo(t)}); err == nil || !strings.Contains(err.Error(), `GOPHERLENS_PROGRESS="no": off does without`) {
		t.Errorf("error %v", err)
	}
	t.Setenv("GOPHERLENS_PROGRESS", "off")
	if _, err := hooked.New(cfg, hooked.LoadOptions{Backend: golden.PureGo(t)}); err != nil {
		t.Error(err)
	}
}

// TestUncalledFunctions gives functions where what they return is meant.
func TestUncalledFunctions(t *testing.T) {
	m := load(t, "gpt2", hooked.NoProcessing, golden.PureGo(t))
	cache := hooked.Must(m.Cache([]int{1, 2}))
	for want, err := range map[string]error{
		"func(...int) hooked.Intervention, a function (to have what it returns, call it: hooked.ZeroHead(...))": ofAny(m.Cache([]int{1}, hooked.Names(hooked.ZeroHead))),
		"(to have what it returns, call it: hooked.Zero(...))":                                                  ofAny(m.Run([]int{1}, hooked.Edit(hooked.Zero, hooked.Zero()))),
		"(to have what it returns, call it: x.At(...))":                                                         ofAny(cache.Lookup(hooked.AttnZ.At)),
		"(to have what it returns, call it: x.InEncoder())":                                                     ofAny(cache.Lookup(hooked.AttnZ.InEncoder)),
		"(to have what it returns, call it: hooked.Replace(...))":                                               ofAny(cache.Lookup("q", hooked.Replace[float64])),
		"(to have what it returns, call it: f())":                                                               ofAny(m.Run(func() string { return "text" })),
		"input of type func() string: ":                                                                         ofAny(m.Run((func() string)(nil))),
		"input of type int: ":                                                                                   ofAny(m.Run(5)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}
