package lens_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/lens"
	"gopherlens/internal/golden"
)

func openModel(t *testing.T, family string, p hooked.Processing) *hooked.Model {
	t.Helper()
	m, err := hooked.FromPretrained(filepath.Join("../testdata/arch", family), p, hooked.LoadOptions{Backend: golden.PureGo(t)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTopTokens checks the texts of the largest entries along the vocabulary, wherever that axis
// stands and whatever others there are.
func TestTopTokens(t *testing.T) {
	m := openModel(t, "gpt2", hooked.DefaultProcessing)
	logits := hooked.Must(m.Run(hooked.Tokens{{1, 2, 3}, {4, 5, 6}}))
	values, vocab := logits.Float32s(), logits.Shape()[2]
	var want [][]string
	for row := range slices.Chunk(values, vocab) {
		ids := make([]int, vocab)
		for i := range ids {
			ids[i] = i
		}
		slices.SortStableFunc(ids, func(a, b int) int { return int(math.Copysign(1, float64(row[b]-row[a]))) })
		want = append(want, hooked.Must(m.StrTokens(ids[:3])))
	}
	for name, c := range map[string]struct {
		logits *hooked.Tensor
		want   [][]string
	}{
		"batch pos d_vocab":           {logits, want},
		"pos d_vocab":                 {logits.At(1), want[3:]},
		"d_vocab":                     {logits.At(0, 2), want[2:3]},
		"d_vocab pos":                 {logits.At(1).Einsum("pos d_vocab -> d_vocab pos"), want[3:]},
		"component batch d_vocab_out": {logits.Named("component batch d_vocab_out"), want},
	} {
		got, err := lens.TopTokens(m, c.logits, 3)
		if err != nil || !slices.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	for want, logits := range map[string]*hooked.Tensor{
		"has none of the vocabulary": logits.Named("a b c"),
		"TopK(999)":                  nil,
	} {
		k := 3
		if logits == nil {
			logits, k = hooked.Must(m.BU()), 999
		}
		if _, err := lens.TopTokens(m, logits, k); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestPreviousTokenScoresInTheForwardPass compares the scores with patterns of the forward pass
// itself, in which every layer's attention reads position vectors alone: whatever the layers do
// with their scores is in both.
func TestPreviousTokenScoresInTheForwardPass(t *testing.T) {
	plain := hooked.Config{NLayers: 3, DModel: 12, NCtx: 16, DHead: 4, NHeads: 3, DVocab: 11, ActFn: "gelu", Normalization: hooked.LNPre,
		InitializerRange: 1.5, Seed: 3}
	with := func(change func(*hooked.Config)) hooked.Config { c := plain; change(&c); return c }
	const n = 9
	for name, cfg := range map[string]hooked.Config{
		"plain":         plain,
		"scale":         with(func(c *hooked.Config) { c.AttnScale = 1 }),
		"inverse layer": with(func(c *hooked.Config) { c.ScaleAttnByInverseLayerIdx = true }),
		"soft cap":      with(func(c *hooked.Config) { c.AttnScoresSoftCap = 2 }),
		"local": with(func(c *hooked.Config) {
			c.AttnTypes, c.WindowSize = []hooked.AttentionKind{hooked.GlobalAttention, hooked.LocalAttention, hooked.GlobalAttention}, 3
		}),
		"grouped": with(func(c *hooked.Config) { c.NKeyValueHeads = 1 }),
	} {
		m := hooked.Must(hooked.New(cfg, hooked.LoadOptions{Backend: golden.PureGo(t)}))
		positions := hooked.Must(m.WPos()).At(hooked.Range{From: 0, To: n})
		cache := hooked.Must(m.Cache(slices.Repeat([]int{1}, n), hooked.Names(hooked.AttnPattern),
			hooked.Edit(hooked.LN1Normalized, hooked.Replace(positions))))
		var want []float32
		for l := range cfg.NLayers {
			pattern := cache.Get("pattern", l).Float32s() // [1, head, query, key]
			for h := range cfg.NHeads {
				sum := float32(0)
				for q := 1; q < n; q++ {
					sum += pattern[(h*n+q)*n+q-1]
				}
				want = append(want, sum/(n-1))
			}
		}
		got := hooked.Must(lens.PreviousTokenScores(m, n)).Float32s()
		golden.Close(t, name, got, want, golden.Tolerance{Abs: 1e-5})
	}
}

// TestNoCircuit checks that circuits which weights alone do not tell are refused by name.
func TestNoCircuit(t *testing.T) {
	open := func(family string) *hooked.Model { return openModel(t, family, hooked.DefaultProcessing) }
	raw := openModel(t, "gpt2", hooked.NoProcessing)
	gemma := open("gemma2")
	tokens := hooked.Tokens{{1, 2, 3}}
	cache := hooked.Must(gemma.Cache(tokens))
	direction := hooked.Must(lens.LogitDiffDirections(gemma, hooked.Tokens{{1, 2}}))
	padded := open("gpt2")
	right := hooked.Must(padded.ToTokens([]string{"When John and Mary went", "The cat"}))
	for want, err := range map[string]error{
		"FullQK: in this model (GPT2LMHeadModel) norms have":     failure(lens.FullQK(raw, 0, 0)),
		"CopyingScores: in this model (GPT2LMHeadModel) norms":   failure(lens.CopyingScores(raw)),
		"load it with hooked.FoldLN":                             failure(lens.HeadVectors(raw, 0, 0, 1)),
		"FullQK: in this model (Qwen3ForCausalLM) heads normal":  failure(lens.FullQK(open("qwen3"), 0, 0)),
		"PositionQK: in this model (LlamaForCausalLM) positions": failure(lens.PreviousTokenScores(open("llama"), 3)),
		"FullOV: in this model (BloomForCausalLM) a norm":        failure(lens.FullOV(open("bloom"), 0, 0)),
		"FullOV: in this model (Gemma2ForCausalLM) what heads":   failure(lens.FullOV(gemma, 0, 0)),
		"HeadAttribution: in this model (Gemma2ForCausalLM)":     failure(lens.HeadAttribution(gemma, cache, direction)),
		"DetectHead: the last 3 of the 6 tokens of prompt 1":     failure(lens.DetectHead(padded, right, lens.PreviousToken, lens.Detection{})),
		"prompt 1 ends at position 2 of 6, and then come pads":   failure(lens.HeadAttribution(padded, hooked.Must(padded.Cache(right)), hooked.Must(lens.LogitDiffDirections(padded, hooked.Tokens{{1, 2}, {3, 4}})))),
		"Layer(1) would do nothing":                              failure2(cache.LogitDiffs(1, 2, hooked.Layer(1))),
		"TestPrompt":                                             nil,
	} {
		if want == "TestPrompt" {
			_, err = lens.TestPrompt(padded, "When", "Mary", hooked.Edit(hooked.AttnZ, hooked.Zero()))
			want = "does not take Edit"
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	unfolded := hooked.Must(raw.Cache(tokens))
	along := hooked.Must(lens.LogitDiffDirections(raw, hooked.Tokens{{1, 2}}))
	for name, err := range map[string]error{
		"HeadAttribution":  failure(lens.HeadAttribution(raw, unfolded, along)),
		"LayerAttribution": failure2(lens.LayerAttribution(unfolded, along)),
		"LogitAttrs":       failure(unfolded.LogitAttrs(unfolded.Get("resid_post", -1), 1)),
	} {
		if err == nil || !strings.Contains(err.Error(), "FoldLN") {
			t.Errorf("%s of a model whose final norm has weights: %v, want an error that names FoldLN", name, err)
		}
	}
}

func failure[T any](_ T, err error) error { return err }

func failure2[T, U any](_ T, _ U, err error) error { return err }

// TestAttributionUnderACap checks in a model with a final soft cap that attributions add up to the
// difference before it, that the capped one is that of the run's logits, and that both logit lenses
// end with the run's logits.
func TestAttributionUnderACap(t *testing.T) {
	finalRMS := hooked.Config{NLayers: 2, DModel: 12, NCtx: 16, DHead: 4, NHeads: 3, DVocab: 50, ActFn: "gelu", Normalization: hooked.LNPre, FinalRMS: true}
	for family, m := range map[string]*hooked.Model{
		"gemma2":          openModel(t, "gemma2", hooked.DefaultProcessing),
		"gpt2":            openModel(t, "gpt2", hooked.DefaultProcessing),
		"a last RMS norm": hooked.Must(hooked.New(finalRMS, hooked.LoadOptions{Backend: golden.PureGo(t)})),
	} {
		tokens, answers := hooked.Tokens{{1, 5, 9, 13}, {1, 7, 11, 20}}, hooked.Tokens{{10, 20}, {30, 40}}
		logits, cache := hooked.Must2(m.RunWithCache(tokens))
		tol := golden.Tolerance{Abs: 2e-5, Rel: 1e-4}
		before, capped, err := cache.LogitDiffs([]int{10, 30}, []int{20, 40}, hooked.Pos(-1))
		if err != nil {
			t.Fatal(err)
		}
		var want []float32
		for i, a := range answers {
			want = append(want, logits.At(i, -1, a[0]).Item()-logits.At(i, -1, a[1]).Item())
		}
		golden.Close(t, family+": capped", capped.Float32s(), want, tol)
		diff := hooked.Must(lens.LogitDiffDirections(m, answers))
		parts, _, err := lens.LayerAttribution(cache, diff)
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, family+": sum", parts.Sum().Float32s(), before.Mean().Float32s(), tol)
		if family == "gemma2" && math.Abs(float64(before.Mean().Item()-capped.Mean().Item())) < 1e-3 {
			t.Error("the cap changes nothing")
		}
		one, _, err := cache.LogitDiffs(10, 20, hooked.Prompt(1), hooked.Pos(2, 3))
		if err != nil || !slices.Equal(one.Shape(), []int{2}) {
			t.Errorf("one prompt at two positions: %v, %v", one, err)
		}
		end := logits.Sub(hooked.Must(m.BU())).Float32s()
		run, _, err := lens.LogitLensRunScale(m, cache)
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, family+": run's scale", hooked.Must(lens.Capped(m, run)).At(-1).Float32s(), end, tol)
		own, _, err := lens.LogitLensOwnScale(m, cache)
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, family+": own scale", own.At(-1).Float32s(), end, tol)
		if _, _, err := cache.LogitDiffs(10, []int{1, 2, 3}); err == nil {
			t.Error("three tokens for two prompts are no error")
		}
	}
}
