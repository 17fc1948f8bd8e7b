package hooked_test

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// probabilityTolerance is what the fixtures of generation state.
var probabilityTolerance = golden.Tolerance{Abs: 1e-5}

// TestProbabilities compares the distributions that are drawn from.
func TestProbabilities(t *testing.T) {
	for _, name := range []string{"gpt2", "gpt_neox", "llama"} {
		g := openGeneration(t, name)
		file := golden.Open(t, filepath.Join("testdata/generation", name+".safetensors"))
		tokens := file.Ints("tokens")
		for _, c := range g.Sampling {
			sampling := hooked.Sampling{Temperature: 1, TopK: c.TopK, TopP: c.TopP, FreqPenalty: c.Penalty}
			if c.Temperature != nil {
				sampling.Temperature = *c.Temperature
			}
			logits, shape := file.Floats(c.Logits)
			want, _ := file.Floats(fmt.Sprintf("probs/%d", c.ID))
			for row := range shape[0] {
				var past []int
				if c.Penalty != 0 {
					past = tokens[row]
				}
				from, to := row*shape[1], (row+1)*shape[1]
				got := probabilities(t, sampling, logits[from:to], past)
				golden.Close(t, fmt.Sprintf("%s, case %d", name, c.ID), got, want[from:to], probabilityTolerance)
			}
		}
	}
}

func probabilities(t *testing.T, s hooked.Sampling, logits []float32, past []int) []float32 {
	t.Helper()
	probs, err := s.Probabilities(logits, past)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, len(probs))
	for i, p := range probs {
		out[i] = float32(p)
	}
	return out
}

// TestTemperatureZero compares the likeliest tokens, which no other setting may change.
func TestTemperatureZero(t *testing.T) {
	for _, name := range []string{"gpt2", "gpt_neox", "llama"} {
		g := openGeneration(t, name)
		file := golden.Open(t, filepath.Join("testdata/generation", name+".safetensors"))
		logits, shape := file.Floats("logits")
		for row, want := range g.Likeliest {
			probs := probabilities(t, hooked.Sampling{TopK: 3, FreqPenalty: 100}, logits[row*shape[1]:(row+1)*shape[1]], []int{want})
			if probs[want] != 1 {
				t.Errorf("%s, row %d: token %d has probability %v at temperature 0", name, row, want, probs[want])
			}
		}
	}
}

// TestSeeds draws the same tokens from one seed, also for a prompt that is alone, and others from
// another.
func TestSeeds(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, nil)
	prompts := hooked.Tokens{{0, 296, 308}, {0, 261, 262}}
	draw := func(prompts hooked.Tokens, seed uint64) hooked.Tokens {
		return hooked.Must(m.Generate(prompts, hooked.Generation{MaxNewTokens: 12, StopTokens: []int{},
			Sampling: hooked.Sampling{Temperature: 1, Seed: seed}}))
	}
	one, again, other, alone := draw(prompts, 1), draw(prompts, 1), draw(prompts, 2), draw(prompts[:1], 1)
	if fmt.Sprint(one) != fmt.Sprint(again) {
		t.Errorf("one seed drew %v and %v", one, again)
	}
	if fmt.Sprint(one) == fmt.Sprint(other) {
		t.Errorf("two seeds drew the same: %v", one)
	}
	if !slices.Equal(one[0], alone[0]) {
		t.Errorf("a prompt drew %v beside another and %v alone", one[0], alone[0])
	}
}

// TestDrawsFollowProbabilities counts the tokens that follow one prompt in many draws: each count
// is binomial, so it lies within five standard deviations of its mean but once in a million.
func TestDrawsFollowProbabilities(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, nil)
	const draws = 4000
	prompt := []int{0, 296, 308}
	batch := slices.Repeat(hooked.Tokens{prompt}, draws)
	sampling := hooked.Sampling{Temperature: 0.5, TopK: 5, Seed: 7}
	tokens := hooked.Must(m.Generate(batch, hooked.Generation{MaxNewTokens: 1, Sampling: sampling}))
	counts := make(map[int]float64)
	for _, row := range tokens {
		counts[row[len(row)-1]]++
	}
	logits := hooked.Must(m.Run(hooked.Tokens{prompt}, hooked.LogitsAt(-1))).Float32s()
	for id, p := range hooked.Must(sampling.Probabilities(logits, prompt)) {
		if deviation := math.Sqrt(draws * p * (1 - p)); math.Abs(counts[id]-draws*p) > 5*deviation {
			t.Errorf("token %d of probability %.4f was drawn %v times of %d", id, p, counts[id], draws)
		}
	}
}

// TestBadSampling names the setting.
func TestBadSampling(t *testing.T) {
	logits := []float32{1, 2, 3}
	for want, s := range map[string]hooked.Sampling{
		"Temperature -1 is negative": {Temperature: -1},
		"TopK -2 is negative":        {Temperature: 1, TopK: -2},
		"TopP 1.5 is no probability": {Temperature: 1, TopP: 1.5},
	} {
		if _, err := s.Probabilities(logits, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if _, err := (hooked.Sampling{Temperature: 1}).Probabilities(logits, []int{3}); err == nil {
		t.Error("a token outside the logits is no error")
	}
}
