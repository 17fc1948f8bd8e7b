package lens_test

import (
	"os"
	"strconv"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/lens"
)

// tunedSteps, where it is set, is how many steps TestRealTunedLens takes: each is as much work as
// thirty unembeddings there and back, so that it runs where somebody asks for it. Fourteen were
// enough.
const tunedSteps = "GOPHERLENS_TUNED_STEPS"

// TestRealTunedLens fits a lens to SmolLM2-135M on the Brown corpus and compares it with the logit
// lens on documents that it has not seen: the divergence from the end falls at every layer.
func TestRealTunedLens(t *testing.T) {
	steps, err := strconv.Atoi(os.Getenv(tunedSteps))
	if err != nil {
		t.Skipf("%s is not set, so that no lens is fitted to a real model", tunedSteps)
	}
	m := openReal(t)
	texts, err := corpus.Package(t.Context(), "brown")
	if err != nil {
		t.Fatal(err)
	}
	rows := hooked.Must(corpus.ForModel(texts, m, corpus.Options{Length: 64}))
	one := hooked.Must(lens.NewTunedLens(m))
	test := lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 64, Batch: 4, Skip: 1, Rows: hooked.Range{From: 5000}, Seed: 1})
	before := hooked.Must(one.Divergence(t.Context(), m, test, 1))
	tuned, err := lens.FitTunedLens(t.Context(), m, lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 16, Batch: 4, Skip: 1, Seed: 1}), lens.TunedConfig{Steps: steps,
		Progress: func(step int, kl []float64) { t.Logf("step %d: %.3f", step, kl) }})
	if err != nil {
		t.Fatal(err)
	}
	after := hooked.Must(tuned.Divergence(t.Context(), m, test, 1))
	t.Logf("logit lens %.3f", before)
	t.Logf("tuned lens %.3f", after)
	for l := range before {
		if !(after[l] < before[l]) {
			t.Errorf("layer %d: the divergence is %v, was %v with the logit lens", l, after[l], before[l])
		}
	}
}
