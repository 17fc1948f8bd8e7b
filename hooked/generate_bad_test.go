package hooked_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestGenerateFromPadded checks that prompts of unequal length, padded on the left, go on as each
// does alone, and that padding on the right is refused however it is told.
func TestGenerateFromPadded(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, golden.PureGo(t))
	right := hooked.Must(m.ToTokens(someTexts))
	left := hooked.Must(m.ToTokens(someTexts, hooked.PaddingSide(hooked.Left)))
	short := hooked.Must(m.ToTokens(someTexts[1:]))[0]
	pads := len(right[0]) - len(short)
	onRight := [][]int{slices.Repeat([]int{1}, len(right[0])), slices.Concat(slices.Repeat([]int{1}, len(short)), make([]int, pads))}
	onLeft := [][]int{onRight[0], slices.Concat(make([]int, pads), slices.Repeat([]int{1}, len(short)))}
	ones := [][]int{onRight[0], onRight[0]}
	for what, got := range map[string]func() (hooked.Tokens, error){
		"texts":             func() (hooked.Tokens, error) { return m.Generate(someTexts, noStop(4)) },
		"tokens and a mask": func() (hooked.Tokens, error) { return m.Generate(left, noStop(4), hooked.AttentionMask(onLeft)) },
		"tokens and a side": func() (hooked.Tokens, error) { return m.Generate(left, noStop(4), hooked.PaddingSide(hooked.Left)) },
		"texts and the side": func() (hooked.Tokens, error) {
			return m.Generate(someTexts, noStop(4), hooked.PaddingSide(hooked.Left))
		},
	} {
		batch := hooked.Must(got())
		for i, text := range someTexts {
			alone := hooked.Must(m.Generate(text, noStop(4)))[0]
			if n := len(batch[i]); !slices.Equal(batch[i][n-4:], alone[len(alone)-4:]) {
				t.Errorf("%s: prompt %d goes on with %v, alone with %v", what, i, batch[i][n-4:], alone[len(alone)-4:])
			}
		}
	}
	generate := func(input any, o ...hooked.Option) error { _, err := m.Generate(input, noStop(2), o...); return err }
	for want, err := range map[string]error{
		"the attention mask says that prompt 1 ends in 3 pads": generate(right, hooked.AttentionMask(onRight)),
		"says that prompt 1 ends in 3 pads":                    generate(someTexts, hooked.AttentionMask(onRight)),
		"the last 3 of the 6 tokens of prompt 1 are the pad":   generate(right),
		"the last 3 of the 6 tokens of prompt 0 are the pad":   generate(right[1:]),
		"PaddingSide(hooked.Right): a prompt is continued":     generate(someTexts, hooked.PaddingSide(hooked.Right)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	for what, err := range map[string]error{
		"a mask of ones":     generate(right, hooked.AttentionMask(ones)),
		"the pad token only": generate(hooked.Tokens{{right[1][len(right[1])-1]}}),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestNoDistribution checks that logits that are none end a generation with an error that says so,
// whichever way tokens are chosen, and that single -Inf logits do not.
func TestNoDistribution(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "gpt2", hooked.DefaultProcessing, be)
		prompts := hooked.Tokens{{1, 2, 3}, {4, 5, 6}}
		broken := hooked.Edit(hooked.ResidPost.At(-1), hooked.AddTo(math.Inf(1), hooked.Prompt(1)))
		for name, s := range map[string]hooked.Sampling{"greedy": {}, "drawn": {Temperature: 1}, "of the top": {Temperature: 1, TopK: 3}} {
			_, err := m.Generate(prompts, hooked.Generation{MaxNewTokens: 3, Sampling: s, StopTokens: []int{}}, broken)
			if err == nil || !strings.Contains(err.Error(), "prompt 1: the logits are no distribution") {
				t.Errorf("%s: got error %v", name, err)
			}
		}
	})
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, s := range []hooked.Sampling{{}, {Temperature: 1}, {Temperature: 1, TopP: 0.5}} {
		for _, logits := range [][]float32{{1, nan, 2}, {nan, nan}, {-inf, -inf}, {1, inf}} {
			if _, err := s.Probabilities(logits, nil); err == nil {
				t.Errorf("%+v of %v: no error", s, logits)
			}
		}
		if p, err := s.Probabilities([]float32{-inf, 1, -inf}, nil); err != nil || !slices.Equal(p, []float64{0, 1, 0}) {
			t.Errorf("%+v: %v, %v", s, p, err)
		}
	}
}

// TestMeaninglessGenerations checks that numbers that mean nothing are refused before the first
// step.
func TestMeaninglessGenerations(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, golden.PureGo(t))
	nan := math.NaN()
	for want, g := range map[string]hooked.Generation{
		"9223372036854775807 new tokens: the model's": {MaxNewTokens: math.MaxInt},
		"9223372036854775800 new tokens: the model's": {MaxNewTokens: math.MaxInt - 7},
		"StopTokens holds -5":                         {StopTokens: []int{-5}},
		"StopTokens holds 1073741824":                 {StopTokens: []int{3, 1 << 30}},
		"Temperature NaN":                             {Sampling: hooked.Sampling{Temperature: nan}},
		"Temperature +Inf":                            {Sampling: hooked.Sampling{Temperature: math.Inf(1)}},
		"TopP NaN":                                    {Sampling: hooked.Sampling{Temperature: 1, TopP: nan}},
		"TopK 50, TopP 0 and FreqPenalty 0 mean":      {Sampling: hooked.Sampling{TopK: 50}},
		"TopK 0, TopP 0 and FreqPenalty 2 mean":       {Sampling: hooked.Sampling{FreqPenalty: 2}},
		"TopP 0.9 would do nothing beside TopK 4":     {Sampling: hooked.Sampling{Temperature: 1, TopK: 4, TopP: 0.9}},
		"FreqPenalty NaN":                             {Sampling: hooked.Sampling{Temperature: 1, FreqPenalty: nan}},
		"FreqPenalty -Inf":                            {Sampling: hooked.Sampling{Temperature: 1, FreqPenalty: math.Inf(-1)}},
	} {
		_, err := m.Generate(hooked.Tokens{{1, 2}}, g)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "token 0:") {
			t.Errorf("got error %v, want one with %q, before the first token", err, want)
		}
	}
	if _, err := (hooked.Sampling{Temperature: 1e-320}).Probabilities([]float32{1, 2}, nil); err == nil {
		t.Error("a temperature that takes logits beyond all numbers is no error")
	}
}
