package hooked_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// This file holds what must be true of any transformer and needs no numbers from outside.

// property is the tolerance of sums of a model's float32 activations, which are of the order of one
// to ten.
var property = golden.Tolerance{Abs: 5e-5, Rel: 5e-5}

// propertyTokens are two prompts whose activations differ at every position.
var propertyTokens, otherTokens = hooked.Tokens{{1, 2, 3, 4, 5, 6}, {9, 8, 7, 6, 5, 4}}, hooked.Tokens{{11, 12, 13, 14, 15, 16}, {3, 1, 4, 1, 5, 9}}

// forEachModel runs a test for every family, without processing and with the default one.
func forEachModel(t *testing.T, test func(t *testing.T, m *hooked.Model)) {
	forEachFamilyBriefly(t, func(t *testing.T, be compute.Backend, name string) {
		test(t, load(t, name, hooked.NoProcessing, be))
		if golden.IsPureGo(be) {
			test(t, load(t, name, hooked.DefaultProcessing, be))
		}
	})
}

// TestPatternRows checks that each query's attention sums to one over the keys up to its own, and
// is zero after.
func TestPatternRows(t *testing.T) {
	forEachModel(t, func(t *testing.T, m *hooked.Model) {
		cache := hooked.Must(m.Cache(propertyTokens, hooked.Names("pattern")))
		for _, s := range cache.Sites() {
			shape, values := cache.Get(s).Shape(), cache.Get(s).Float32s()
			n := shape[3]
			for row := range len(values) / n {
				sum := 0.0
				for key, v := range values[row*n : (row+1)*n] {
					if sum += float64(v); key > row%n && v != 0 {
						t.Fatalf("%s: query %d attends to key %d", s, row%n, key)
					}
				}
				if math.Abs(sum-1) > 1e-5 { // n additions in float32
					t.Fatalf("%s: the attention of row %d sums to %v", s, row, sum)
				}
			}
		}
	})
}

// TestResidualStreamIsASum checks each layer's arithmetic: what is written adds up to what is
// there.
func TestResidualStreamIsASum(t *testing.T) {
	forEachModel(t, func(t *testing.T, m *hooked.Model) {
		cfg := m.Config()
		cache := hooked.Must(m.Cache(propertyTokens, hooked.Names("*", "*.hook_result")))
		for l := range cfg.NLayers {
			get := func(name string) *hooked.Tensor { return cache.Get(name, l) }
			sum := get("resid_pre").Add(get("attn_out"))
			if !cfg.ParallelAttnMLP {
				golden.Close(t, "resid_pre + attn_out", sum.Float32s(), get("resid_mid").Float32s(), property)
			}
			golden.Close(t, "... + mlp_out", sum.Add(get("mlp_out")).Float32s(), get("resid_post").Float32s(), property)
			if l > 0 {
				golden.Close(t, "resid_pre", get("resid_pre").Float32s(), cache.Get("resid_post", l-1).Float32s(), golden.Tolerance{})
			}
			if cfg.NormalizationBeforeAndAfter {
				continue // attn_out went through a norm
			}
			heads := get("result").Sum("head").Add(hooked.Must(m.BO()).At(l))
			golden.Close(t, "heads + b_O", heads.Float32s(), get("attn_out").Float32s(), property)
		}
	})
}

// TestPatchCleanIntoClean puts activations where they come from: nothing changes, whatever the
// site.
func TestPatchCleanIntoClean(t *testing.T) {
	forEachModel(t, func(t *testing.T, m *hooked.Model) {
		clean, cache := hooked.Must2(m.RunWithCache(propertyTokens))
		var edits []hooked.Option
		for _, s := range cache.Sites() {
			edits = append(edits, hooked.Edit(s, hooked.Replace(cache.Get(s))))
		}
		patched := hooked.Must(m.Run(propertyTokens, edits...))
		golden.Close(t, "logits", patched.Float32s(), clean.Float32s(), property)
	})
}

// TestPatchAllPositions replaces the whole residual stream before one layer: the run becomes the
// run that it came from.
func TestPatchAllPositions(t *testing.T) {
	forEachModel(t, func(t *testing.T, m *hooked.Model) {
		want, cache := hooked.Must2(m.RunWithCache(otherTokens, hooked.Names("resid_pre")))
		for l := range m.Config().NLayers {
			got := hooked.Must(m.Run(propertyTokens, hooked.Edit(hooked.ResidPre.At(l), hooked.Replace(cache.Get("resid_pre", l)))))
			golden.Close(t, "logits", got.Float32s(), want.Float32s(), property)
		}
	})
}

// TestAblateThenRestore takes a head away and puts it back in one run, and sees that taking it away
// alone does something.
func TestAblateThenRestore(t *testing.T) {
	forEachModel(t, func(t *testing.T, m *hooked.Model) {
		clean, cache := hooked.Must2(m.RunWithCache(propertyTokens, hooked.Names("z")))
		ablate := hooked.Edit(hooked.AttnZ.At(0), hooked.ZeroHead(1))
		restore := hooked.Edit(hooked.AttnZ.At(0), hooked.Replace(cache.Get("z", 0), hooked.Head(1)))
		golden.Close(t, "restored", hooked.Must(m.Run(propertyTokens, ablate, restore)).Float32s(), clean.Float32s(), golden.Tolerance{})
		if change := largestDifference(hooked.Must(m.Run(propertyTokens, ablate)), clean); change < 1e-4 {
			t.Errorf("taking a head away changed the logits by %v only", change)
		}
	})
}

func largestDifference(a, b *hooked.Tensor) float64 { return float64(a.Sub(b).Abs().Max().Item()) }

// TestProcessingKeepsPredictions checks that no weight processing changes the log-probabilities.
func TestProcessingKeepsPredictions(t *testing.T) {
	steps := []hooked.Processing{hooked.FoldLN, hooked.CenterWriting, hooked.CenterUnembed, hooked.FoldValueBiases, hooked.DefaultProcessing,
		hooked.DefaultProcessing | hooked.RefactorFactored}
	forEachFamilyBriefly(t, func(t *testing.T, be compute.Backend, name string) {
		logProbs := func(p hooked.Processing) *hooked.Tensor {
			return hooked.Must(load(t, name, p, be).Run(propertyTokens)).LogSoftmax("d_vocab")
		}
		plain := logProbs(hooked.NoProcessing)
		for _, p := range steps {
			golden.Close(t, p.String(), logProbs(p).Float32s(), plain.Float32s(), golden.Default)
		}
	})
}

// TestCausality changes the last token: no position before it sees that.
func TestCausality(t *testing.T) {
	forEachModel(t, func(t *testing.T, m *hooked.Model) {
		changed := hooked.Tokens{{1, 2, 3, 4, 5, 17}, {9, 8, 7, 6, 5, 18}}
		before := hooked.Range{From: 0, To: 5}
		want := hooked.Must(m.Run(propertyTokens)).At(hooked.All, before)
		got := hooked.Must(m.Run(changed)).At(hooked.All, before)
		golden.Close(t, "logits", got.Float32s(), want.Float32s(), golden.Tolerance{})
	})
}

// TestLogitsAt computes logits at chosen positions: they are those of the whole run.
func TestLogitsAt(t *testing.T) {
	forEachModel(t, func(t *testing.T, m *hooked.Model) {
		all := hooked.Must(m.Run(propertyTokens))
		some := hooked.Must(m.Run(propertyTokens, hooked.LogitsAt(-1, 2)))
		golden.Close(t, "logits", some.Float32s(), all.At(hooked.All, []int{5, 2}).Float32s(), property)
	})
}

// TestPosSlice keeps some positions of every activation: they are those of the whole cache, on the
// query's axis.
func TestPosSlice(t *testing.T) {
	forEachModel(t, func(t *testing.T, m *hooked.Model) {
		whole := hooked.Must(m.Cache(propertyTokens))
		cut := hooked.Must(m.Cache(propertyTokens, hooked.PosSlice(-1, 0)))
		for _, s := range whole.Sites() {
			x, i := whole.Get(s), 1
			if x.AxisNames()[1] == "head" { // scores and patterns
				i = 2
			}
			index := []any{hooked.All, hooked.All, []int{5, 0}}[2-i:]
			golden.Close(t, s.Name(), cut.Get(s).Float32s(), x.At(index...).Float32s(), golden.Tolerance{})
		}
	})
}

// TestGradientOfASum compares a gradient with what it predicts: a small step along it changes the
// loss by its squared length. The error is of second order in the step, and float32 leaves about
// three digits.
func TestGradientOfASum(t *testing.T) {
	const step = 1e-2
	forEachModel(t, func(t *testing.T, m *hooked.Model) {
		loss, _, grads, err := m.LossWithGradients(propertyTokens, hooked.Gradients(hooked.ResidPost.At(0)))
		if err != nil {
			t.Fatal(err)
		}
		g := grads.Get("resid_post", 0)
		slope := float64(g.Norm().Item())
		along := g.Scale(step / slope)
		up := hooked.Must(m.Loss(propertyTokens, hooked.Edit(hooked.ResidPost.At(0), hooked.AddTo(along))))
		down := hooked.Must(m.Loss(propertyTokens, hooked.Edit(hooked.ResidPost.At(0), hooked.AddTo(along.Scale(-1)))))
		got := float64(up.Item()-down.Item()) / (2 * step)
		if math.Abs(got/slope-1) > 0.02 {
			t.Errorf("loss %v rises by %v a unit along its gradient, whose length is %v", loss.Item(), got, slope)
		}
	})
}

// TestLongTexts holds attention that is computed some queries at a time, each waiting for others,
// against the scores that a run records, and a gradient through it against that through these.
func TestLongTexts(t *testing.T) {
	defer hooked.LongAbove(0)()
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		cfg := hooked.Config{NLayers: 2, DModel: 16, NCtx: 520, DHead: 4, NHeads: 4, DMLP: 32, DVocab: 50, ActFn: "gelu",
			InitMode: "xavier_normal", Seed: 1}
		m := hooked.Must(hooked.New(cfg, hooked.LoadOptions{Backend: be}))
		tokens := make(hooked.Tokens, 2)
		for i := range 520 {
			tokens[0] = append(tokens[0], i*7%m.Config().DVocab)
			tokens[1] = append(tokens[1], i*11%m.Config().DVocab)
		}
		got := hooked.Must(m.Run(tokens))
		want, whole := hooked.Must2(m.RunWithCache(tokens, hooked.Names("attn_scores", "pattern")))
		_, recorded := hooked.Must2(m.RunWithCache(tokens, hooked.Names("pattern")))
		golden.Close(t, "pattern", recorded.Get("pattern", 1).Float32s(), whole.Get("pattern", 1).Float32s(), property)
		golden.Close(t, "logits", got.Float32s(), want.Float32s(), property)
		gradient := func(record ...hooked.Selector) []float32 {
			_, _, grads, err := m.LossWithGradients(tokens, hooked.Names(record...), hooked.Gradients("blocks.0.hook_resid_pre"))
			if err != nil {
				t.Fatal(err)
			}
			return grads.Get("resid_pre", 0).Float32s()
		}
		golden.Close(t, "gradients", gradient("blocks.0.hook_resid_pre"), gradient("attn_scores"), property)
	})
}
