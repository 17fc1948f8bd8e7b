package train_test

import (
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/internal/golden"
)

// TestMemorises trains on 30 % of the sums modulo 23, as `make grokking` does modulo 113: in some
// hundred steps the training pairs are known by heart, and the others are not understood.
func TestMemorises(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		if golden.IsPureGo(be) {
			t.Skip("half a minute of training")
		}
		const p = 23
		m := hooked.Must(hooked.New(hooked.Config{NLayers: 1, DModel: 48, NHeads: 4, DHead: 12, DMLP: 96, ActFn: "relu", NCtx: 3, DVocab: p + 1, DVocabOut: p,
			InitMode: "gpt2", InitializerRange: 0.15, Seed: 1}, hooked.LoadOptions{Backend: be}))
		known, unknown, err := hooked.Must(train.ModularAddition(p)).Split(0.3, 1)
		if err != nil {
			t.Fatal(err)
		}
		out := mustRun(t, m, train.Config{
			Data: known.Full(), Loss: train.CrossEntropy("sum", -1), Steps: 300, LearningRate: 1e-3,
			Optimizer: train.AdamW{Decay: 1, Betas: [2]float64{0.9, 0.98}}, Only: []string{"*.W_*"},
			Eval: train.Evaluation{Data: unknown.Full()},
		})
		first, last := out.Curve[0], out.Curve[299]
		if !(last.Loss < 0.1*first.Loss) || !(last.Eval["loss"] > 10*last.Loss) {
			t.Errorf("the loss fell from %v to %v, and is %v on other pairs: want a tenth, and a gap of ten", first.Loss, last.Loss, last.Eval["loss"])
		}
	})
}

// TestInductionHeads trains an attention-only model of two layers on texts that repeat themselves:
// it must predict the second half, and some head must attend from each token of it to what followed
// the token's first occurrence.
func TestInductionHeads(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		if golden.IsPureGo(be) {
			t.Skip("a minute of training")
		}
		const half, vocabulary = 12, 24
		m := hooked.Must(hooked.New(hooked.Config{NLayers: 2, DModel: 64, NHeads: 4, DHead: 16, AttnOnly: true, NCtx: 2*half + 1, DVocab: vocabulary,
			Normalization: hooked.LN, InitMode: "gpt2", InitializerRange: 0.1, Seed: 1}, hooked.LoadOptions{Backend: be}))
		out := mustRun(t, m, train.Config{
			Data: train.RepeatedTokens(32, half, vocabulary, 0, 1), Steps: 250, LearningRate: 3e-3, Schedule: train.WarmupLinear(30, 250),
			OnStep: func(r *train.Report) error {
				if r.Step%100 == 0 {
					t.Logf("step %d: %.3f", r.Step, r.Loss)
				}
				return nil
			},
		})
		for b, err := range train.RepeatedTokens(16, half, vocabulary, 0, 2) {
			if err != nil {
				t.Fatal(err)
			}
			losses := hooked.Must(out.Model.Loss(b.Tokens, hooked.LossPerToken()))
			second := losses.At(hooked.All, hooked.Range{From: half}).Mean().Item()
			best := bestInduction(out.Model, b.Tokens, half)
			t.Logf("loss on the second half %.4f, best head %.3f", second, best)
			if !(second < 0.1) || !(best > 0.8) {
				t.Error("the model has not learnt to repeat")
			}
			break
		}
	})
}

// bestInduction is the largest score of a head: its mean attention from the tokens of the second
// half to what followed their first occurrences (Olsson et al. 2022, arXiv:2209.11895).
func bestInduction(m *hooked.Model, tokens hooked.Tokens, half int) (best float64) {
	cache := hooked.Must(m.Cache(tokens, hooked.Names("pattern")))
	n := len(tokens[0])
	for l := range m.Config().NLayers {
		p := cache.Get("pattern", l).Float32s() // [batch, head, query, key]
		for h := range m.Config().NHeads {
			sum := 0.
			for b := range tokens {
				for q := half + 1; q < n; q++ {
					sum += float64(p[((b*m.Config().NHeads+h)*n+q)*n+q-half+1])
				}
			}
			best = max(best, sum/float64(len(tokens)*half))
		}
	}
	return best
}
