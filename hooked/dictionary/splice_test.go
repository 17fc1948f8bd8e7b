package dictionary_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/golden"
)

// Several dictionaries with their error terms leave the model as it is, in the step by step
// programs of a run and in generation; features of one show in the other.
func TestSeveral(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := model(t, "gpt2", be)
		exact := dictionary.SpliceOptions{ErrorTerm: true}
		heads := hooked.Must(dictionary.Load("testdata/saes/standard_z"))          // layer 1
		transcoder := hooked.Must(dictionary.Load("testdata/saes/transcoder_mlp")) // layer 1, ln2 to mlp_out
		later := hooked.Must(dictionary.Load("testdata/saes/matryoshka_resid"))    // layer 2
		tokens := hooked.Tokens{{0, 5, 9, 200, 31}, {0, 7, 7, 12, 40}}
		all := hooked.Hooks(dictionary.Splice(heads, exact), dictionary.Splice(transcoder, exact), dictionary.Splice(later, exact))

		clean, plain := hooked.Must2(m.RunWithCache(tokens))
		logits, cache := hooked.Must2(m.RunWithCache(tokens, all))
		golden.Close(t, "logits", logits.Float32s(), clean.Float32s(), golden.Default)
		for _, d := range []*dictionary.Dictionary{heads, transcoder, later} {
			want := hooked.Must(d.Encode(plain.Get(d.Config.Hook)))
			golden.Close(t, d.Acts(), cache.Get(d.Acts()).Float32s(), want.Float32s(), golden.Default)
		}
		// a feature of the heads that is put out moves the features of the layer after it
		strongest := hooked.Must(heads.Features(m, tokens)).TopFeatures(1)[0]
		ablated := hooked.Must(m.Cache(tokens, all, hooked.Names(later.Acts()),
			hooked.Edit(heads.Acts(), hooked.Zero(hooked.Along("feature", strongest.Feature))))).Get(later.Acts())
		if d := distance(ablated.Float32s(), cache.Get(later.Acts()).Float32s()); !(d > 1e-3) {
			t.Errorf("an ablated feature moved the next layer's by %v", d)
		}
		if golden.LeftOut(be, "generation") {
			return
		}
		g := hooked.Generation{MaxNewTokens: 4, StopTokens: []int{}}
		want, got := hooked.Must(m.Generate(tokens, g)), hooked.Must(m.Generate(tokens, g, all))
		if got.Shape()[1] != 9 && got.Shape()[1] != 4 {
			t.Errorf("generated %v", got)
		}
		for i := range want {
			for k := range want[i] {
				if got[i][k] != want[i][k] {
					t.Errorf("generated %v, want %v", got, want)
				}
			}
		}
	})
}

func distance(a, b []float32) float64 {
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(float64(a[i]-b[i])))
	}
	return most
}

// A dictionary of one layer leaves the programs of the other layers alone.
func TestSpliceIsLocal(t *testing.T) {
	m := model(t, "gpt2", golden.PureGo(t))
	d := hooked.Must(dictionary.Load("testdata/saes/transcoder_mlp"))
	tokens := hooked.Tokens{{0, 5, 9, 200, 31}}
	// an edit of layer 0 that keeps to it, and one of layer 2, are programs of their own beside it
	edit := hooked.Hooks(dictionary.Splice(d), hooked.Edit(hooked.ResidPre.At(0), hooked.ScaleBy(1)), hooked.Edit(hooked.ResidPost.At(2), hooked.ScaleBy(1)))
	_, cache := hooked.Must2(m.RunWithCache(tokens, edit))
	if cache.Get(d.Acts()) == nil {
		t.Error("there are no features")
	}
}

// A run that begins at a residual stream has no tokens to exclude.
func TestSpliceErrors(t *testing.T) {
	m := model(t, "gpt2", golden.PureGo(t))
	d := hooked.Must(dictionary.Load("testdata/saes/standard_z"))
	other := hooked.Must(dictionary.Load("testdata/saes/standard_ln_resid")) // of the llama
	tokens := hooked.Tokens{{0, 5, 9}}
	resid := hooked.Must(m.Cache(tokens, hooked.Names(hooked.ResidPre.At(1)))).Get(hooked.ResidPre.At(1))
	run := func(input any, options ...hooked.Option) error { _, err := m.Run(input, options...); return err }
	broken := *d
	broken.Weights = map[string]*hooked.Tensor{"W_enc": d.Weights["W_enc"]}
	for name, test := range map[string]struct {
		err  error
		want []string
	}{
		"no tokens":            {run(resid, hooked.StartAtLayer(1), dictionary.Splice(d, dictionary.SpliceOptions{Exclude: []int{0}})), []string{"residual stream", "tokens"}},
		"no dictionary":        {run(tokens, dictionary.Splice(nil)), []string{"there is none"}},
		"a zero one":           {run(tokens, dictionary.Splice(&dictionary.Dictionary{})), []string{"there is none"}},
		"a weight too few":     {run(tokens, dictionary.Splice(&broken)), []string{"is missing"}},
		"another width":        {run(tokens, dictionary.Splice(other)), []string{"36", "[1 3 24]"}},
		"twice at a site":      {run(tokens, dictionary.Splice(d), dictionary.Splice(d)), []string{"hook_sae_input", "already"}},
		"no such token":        {run(tokens, dictionary.Splice(d, dictionary.SpliceOptions{Exclude: []int{-1}})), []string{"-1"}},
		"no such feature":      {run(tokens, dictionary.Splice(d), hooked.Edit(d.Acts(), hooked.Zero(hooked.Along("feature", 96)))), []string{"96", "feature"}},
		"features without one": {run(tokens, hooked.Edit(d.Acts(), hooked.Zero())), []string{"hook_sae_acts_post"}},
		"two options":          {run(tokens, dictionary.Splice(d, dictionary.SpliceOptions{}, dictionary.SpliceOptions{})), []string{"one SpliceOptions"}},
	} {
		if test.err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(test.err.Error(), want) {
				t.Errorf("%s: %q says nothing of %q", name, test.err, want)
			}
		}
	}
	if err := run(tokens, hooked.Edit(d.Acts(), hooked.Zero())); !errors.Is(err, hooked.ErrUnknownHook) {
		t.Errorf("%v is no ErrUnknownHook", err)
	}
}
