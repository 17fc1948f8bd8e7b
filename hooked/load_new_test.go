package hooked_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestInitialisation checks the spread of each mode's weights against its formula, on a weight
// large enough for the sample to tell: 64 x 2048 numbers, whose standard deviation is known to
// about 0.2 %.
func TestInitialisation(t *testing.T) {
	const dModel, dVocab = 64, 2048
	for mode, want := range map[string]float64{
		"gpt2":            0.8 / math.Sqrt(dModel),
		"xavier_uniform":  math.Sqrt(2.0 / (dModel + dVocab)),
		"xavier_normal":   math.Sqrt(2.0 / (dModel + dVocab)),
		"kaiming_uniform": math.Sqrt(2.0 / dModel),
		"kaiming_normal":  math.Sqrt(2.0 / dModel),
		"muP":             1.0 / dModel,
	} {
		cfg := hooked.Config{NLayers: 1, DModel: dModel, NCtx: 4, DHead: 16, NHeads: 4, DVocab: dVocab, AttnOnly: true, InitMode: mode, Seed: 7}
		wU := hooked.Must(hooked.Must(hooked.New(cfg)).WU()).Float32s()
		sum := 0.0
		for _, v := range wU {
			sum += float64(v) * float64(v)
		}
		if got := math.Sqrt(sum / float64(len(wU))); math.Abs(got/want-1) > 0.01 {
			t.Errorf("%s: standard deviation %.5f, want %.5f", mode, got, want)
		}
	}
}

func TestSeed(t *testing.T) {
	logits := func(seed int64) []float32 {
		cfg := tiny
		cfg.Seed = seed
		return hooked.Must(newTiny(t, cfg, nil).Run(hooked.Tokens{{1, 2, 3}})).Float32s()
	}
	if !slices.Equal(logits(1), logits(1)) {
		t.Error("one seed gave two models")
	}
	if slices.Equal(logits(1), logits(2)) {
		t.Error("two seeds gave one model")
	}
}

// TestStateDictRoundTrip takes a model's weights out and makes another of them.
func TestStateDictRoundTrip(t *testing.T) {
	for _, family := range []string{"gpt2", "llama"} {
		m := load(t, family, hooked.DefaultProcessing, nil)
		tokens := hooked.Tokens{{5, 6, 7, 8}}
		sd := hooked.Must(m.StateDict())
		again := hooked.Must(hooked.FromStateDict(m.Config(), sd, hooked.NoProcessing))
		golden.Close(t, family, hooked.Must(again.Run(tokens)).Float32s(), hooked.Must(m.Run(tokens)).Float32s(), exact)
		if _, grouped := sd["blocks.0.attn._W_K"]; grouped != (family == "llama") {
			t.Errorf("%s: the state dict has _W_K: %t", family, grouped)
		}
	}
}

func TestStateDictErrors(t *testing.T) {
	sd := hooked.Must(newTiny(t, tiny, nil).StateDict())
	for want, spoil := range map[string]func(hooked.StateDict){
		`weight "blocks.1.attn.W_O" is missing`:                 func(sd hooked.StateDict) { delete(sd, "blocks.1.attn.W_O") },
		`weight "embed.W_F" belongs to no part of this model`:   func(sd hooked.StateDict) { sd["embed.W_F"] = hooked.NewArray(1) },
		`weight "embed.W_E" has shape [3 8], the configuration`: func(sd hooked.StateDict) { sd["embed.W_E"] = hooked.NewArray(3, 8) },
	} {
		bad := make(hooked.StateDict)
		for name, a := range sd {
			bad[name] = a
		}
		spoil(bad)
		if _, err := hooked.FromStateDict(tiny, bad, hooked.NoProcessing); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

// Each name that WeightNames gives is one that Weight knows, and the state dict holds the same.
func TestWeightNames(t *testing.T) {
	m := hooked.Must(hooked.New(hooked.Config{NLayers: 2, DModel: 8, NHeads: 2, DHead: 4, DMLP: 16, ActFn: hooked.ReLU, NCtx: 8, DVocab: 5,
		Normalization: hooked.LN, InitMode: "gpt2", InitializerRange: 0.1}))
	names := hooked.Must(m.WeightNames())
	state := hooked.Must(m.StateDict())
	if len(names) != len(state) || !slices.IsSorted(names) {
		t.Fatalf("%d names %q of %d weights", len(names), names, len(state))
	}
	for _, name := range names {
		if w := hooked.Must(m.Weight(name)); !slices.Equal(w.Float32s(), state[name].Data) {
			t.Errorf("%s is not what the state dict holds", name)
		}
	}
}
