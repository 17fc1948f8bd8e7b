package hooked_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
	"gopherlens/tokenize"
)

// A model with some other weights computes what one made of all of them does, in the programs of
// the first.
func TestWithWeights(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := tapModel(t, be)
		sd := hooked.Must(m.StateDict())
		other := hooked.Must(hooked.New(withSeed(m.Config(), 99), hooked.LoadOptions{Backend: be}))
		theirs := hooked.Must(other.StateDict())
		before := hooked.Must(m.Run(tapTokens))
		programs := m.Programs()

		names := []string{"blocks.1.attn.W_Q", "blocks.2.mlp.b_in", "unembed.W_U"}
		given := make(hooked.StateDict)
		for _, name := range names {
			given[name] = theirs[name]
			sd[name] = theirs[name]
		}
		mixed := hooked.Must(m.WithWeights(given))
		want := hooked.Must(hooked.Must(hooked.FromStateDict(m.Config(), sd, hooked.NoProcessing, hooked.LoadOptions{Backend: be})).Run(tapTokens))
		got := hooked.Must(mixed.Run(tapTokens))
		within(t, "logits", got.Float32s(), want.Float32s(), 0)
		within(t, "logits of the first model", hooked.Must(m.Run(tapTokens)).Float32s(), before.Float32s(), 0)
		if !(largest(got.Float32s(), before.Float32s()) > 1e-3) {
			t.Error("the weights changed nothing")
		}
		given["unembed.W_U"].Data[0] += 1 // copied
		within(t, "logits after a change of the array", hooked.Must(mixed.Run(tapTokens)).Float32s(), got.Float32s(), 0)
		if n := m.Programs() - programs; n != 0 {
			t.Errorf("%d programs were compiled for other weights", n)
		}
	})
}

func withSeed(c hooked.Config, seed int64) hooked.Config {
	c.Seed = seed
	return c
}

// A bias of zeros that the family does not have is as good as none; another one has its effect.
func TestWithWeightsOfAbsentBiases(t *testing.T) {
	m := hooked.Must(hooked.FromPretrained("testdata/arch/llama", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	tokens := hooked.Tokens{{1, 20, 300, 4}}
	want := hooked.Must(m.Run(tokens))
	programs := m.Programs()
	all := hooked.Must(m.StateDict())
	within(t, "its own weights", hooked.Must(hooked.Must(m.WithWeights(all)).Run(tokens)).Float32s(), want.Float32s(), 0)
	if n := m.Programs() - programs; n != 0 {
		t.Errorf("%d programs were compiled for its own weights", n)
	}
	bias := hooked.NewArray(m.Config().DVocabOut)
	bias.Data[7] = 5
	got := hooked.Must(hooked.Must(m.WithWeights(hooked.StateDict{"unembed.b_U": bias})).Run(tokens)).Float32s()
	shifted := want.Float32s()
	for i := range shifted {
		if i%m.Config().DVocabOut == 7 {
			shifted[i] += 5
		}
	}
	within(t, "logits with a bias", got, shifted, 1e-6)
}

func TestWithErrors(t *testing.T) {
	be := golden.PureGo(t)
	folded := hooked.Must(hooked.FromPretrained("testdata/arch/gpt2", hooked.DefaultProcessing, hooked.LoadOptions{Backend: be}))
	small := hooked.Must(hooked.New(hooked.Config{NLayers: 1, DModel: 4, NCtx: 4, DHead: 4, NHeads: 1, DVocab: 3, AttnOnly: true}, hooked.LoadOptions{Backend: be}))
	nan := hooked.NewArray(folded.Config().DModel)
	nan.Data[3] = float32(math.NaN())
	load := func(o hooked.LoadOptions) func() error {
		return func() error {
			o.Backend = be
			_, err := hooked.FromPretrained("testdata/arch/gpt2", hooked.NoProcessing, o)
			return err
		}
	}
	weights := func(sd hooked.StateDict) func() error {
		return func() error { _, err := folded.WithWeights(sd); return err }
	}
	kv := folded.NewKVCache(2)
	for _, test := range []struct {
		name string
		f    func() error
		want []string
	}{
		{"no weights", weights(nil), []string{"no weight is given"}},
		{"a misspelt weight", weights(hooked.StateDict{"blocks.0.attn.W_q": hooked.NewArray(1)}), []string{"blocks.0.attn.W_q", "blocks.0.attn.W_Q"}},
		{"a folded norm's", weights(hooked.StateDict{"ln_final.w": nan}), []string{"ln_final.w", "folded", "NoProcessing"}},
		{"another shape", weights(hooked.StateDict{"blocks.0.attn.b_O": hooked.NewArray(3)}), []string{"blocks.0.attn.b_O", "[3]"}},
		{"a value that is no number", weights(hooked.StateDict{"blocks.0.attn.b_O": nan}), []string{"blocks.0.attn.b_O", "NaN"}},
		{"no tokenizer", func() error { _, err := folded.WithTokenizer(nil); return err }, []string{"nil"}},
		{"a tokenizer that is too large", func() error {
			_, err := small.WithTokenizer(hooked.Must(tokenize.FromWords([]string{"a", "b", "c", "d"}, tokenize.WordOptions{})))
			return err
		}, []string{"tokens", "reads 3"}},
		{"too many layers", load(hooked.LoadOptions{FirstNLayers: 99}), []string{"FirstNLayers is 99"}},
		{"fewer than none", load(hooked.LoadOptions{FirstNLayers: -1}), []string{"FirstNLayers is -1"}},
		{"layers of a Config", func() error {
			_, err := hooked.New(small.Config(), hooked.LoadOptions{FirstNLayers: 1})
			return err
		}, []string{"FirstNLayers", "NLayers"}},
		{"no rows", func() error { _, err := kv.Select(nil); return err }, []string{"no row"}},
		{"a row that is not there", func() error { _, err := kv.Select([]int{0, 2}); return err }, []string{"no row 2", "2 prompts"}},
		{"rows of no cache", func() error { _, err := (*hooked.KVCache)(nil).Select([]int{0}); return err }, []string{"nil"}},
	} {
		err := test.f()
		if err == nil {
			t.Errorf("%s: no error", test.name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q says nothing of %q", test.name, err, want)
			}
		}
	}
}

// The first layers of a model leave what they leave in the whole model.
func TestFirstNLayers(t *testing.T) {
	be := golden.PureGo(t)
	tokens := hooked.Tokens{{1, 4, 2, 8, 5}}
	for _, family := range []string{"gpt2", "llama", "gemma2", "gpt_neo"} {
		load := func(n int) *hooked.Model {
			return hooked.Must(hooked.FromPretrained("testdata/arch/"+family, hooked.DefaultProcessing, hooked.LoadOptions{Backend: be, FirstNLayers: n}))
		}
		whole := load(0)
		n := whole.Config().NLayers - 1
		part := load(n)
		if err := part.Config().Validate(); err != nil {
			t.Errorf("%s: %v", family, err)
		}
		if got := part.Config().NLayers; got != n {
			t.Errorf("%s: %d layers, want %d", family, got, n)
		}
		_, cache := hooked.Must2(whole.RunWithCache(tokens))
		logits, partCache := hooked.Must2(part.RunWithCache(tokens))
		within(t, family, partCache.Get("resid_post", -1).Float32s(), cache.Get("resid_post", n-1).Float32s(), 0)
		lens := hooked.Must(whole.Unembed(hooked.Must(whole.LNFinal(cache.Get("resid_post", n-1)))))
		within(t, family+" logits", logits.Float32s(), lens.Float32s(), 1e-5)
		within(t, family+" all layers", hooked.Must(load(n+1).Run(tokens)).Float32s(), hooked.Must(whole.Run(tokens)).Float32s(), 0)
	}
}

// A beam search goes on with some prompts of a cache, each as often as it has beams.
func TestKVCacheSelect(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := tapModel(t, be)
		kv := m.NewKVCache(2)
		hooked.Must(m.Run(tapTokens, hooked.WithKV(kv)))
		beams := hooked.Must(kv.Select([]int{1, 1, -2}))
		next := hooked.Tokens{{3}, {6}, {2}}
		got := hooked.Must(m.Run(next, hooked.WithKV(beams)))
		var whole hooked.Tokens
		for i, row := range []int{1, 1, 0} {
			whole = append(whole, append(append([]int{}, tapTokens[row]...), next[i]...))
		}
		want := hooked.Must(m.Run(whole, hooked.LogitsAt(-1)))
		within(t, "logits", got.Float32s(), want.Float32s(), 1e-5)
		if kv.Len() != 5 || beams.Len() != 6 {
			t.Errorf("lengths %d and %d, want 5 and 6", kv.Len(), beams.Len())
		}
		// padded on the left, the rows take their masks along
		masked := m.NewKVCache(2)
		mask := [][]int{{0, 0, 1, 1, 1}, {1, 1, 1, 1, 1}}
		hooked.Must(m.Run(tapTokens, hooked.WithKV(masked), hooked.AttentionMask(mask)))
		picked := hooked.Must(masked.Select([]int{1, 0}))
		alone := hooked.Must(m.Run(hooked.Tokens{append(append([]int{}, tapTokens[0][2:]...), 3)}, hooked.LogitsAt(-1)))
		within(t, "masked", hooked.Must(m.Run(hooked.Tokens{{2}, {3}}, hooked.WithKV(picked))).At(1).Float32s(), alone.Float32s(), 1e-5)
	})
}

func ExampleModel_WithWeights() {
	model := hooked.Must(hooked.FromPretrained(exampleModel, hooked.NoProcessing))
	weights := hooked.Must(model.StateDict())
	wO := weights["blocks.1.attn.W_O"] // [head, d_head, d_model]
	clear(wO.Data[:len(wO.Data)/wO.Shape[0]])

	// head 1.0 writes nothing
	without, err := model.WithWeights(hooked.StateDict{"blocks.1.attn.W_O": wO})
	if err != nil {
		fmt.Println(err)
		return
	}
	cache := hooked.Must(without.Cache(hooked.Tokens{{1, 20, 300}}, hooked.Names(hooked.AttnResult.At(1))))
	fmt.Println(cache.Get("result", 1).At(0, -1, 0).Abs().Sum().Item())
	// Output: 0
}

// A toy model reads and writes text by a tokenizer made of words.
func TestWithTokenizer(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	if _, err := m.Run("( )"); err == nil {
		t.Error("a model without a tokenizer took a text")
	}
	tok := hooked.Must(tokenize.FromWords([]string{"[start]", "[pad]", "[end]", "(", ")"},
		tokenize.WordOptions{BOS: "[start]", Pad: "[pad]", EOS: "[end]", Characters: true}))
	named := hooked.Must(m.WithTokenizer(tok))
	tokens := hooked.Must(named.ToTokens([]string{"(())", "()"}, hooked.PrependBOS(true)))
	if want := "[[0 3 3 4 4] [0 3 4 1 1]]"; fmt.Sprint(tokens) != want {
		t.Errorf("tokens %v, want %s", tokens, want)
	}
	within(t, "logits", hooked.Must(named.Run("(())", hooked.PrependBOS(true))).Float32s(), hooked.Must(m.Run(tokens[:1])).Float32s(), 0)
}
