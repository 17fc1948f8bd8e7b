package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// paddedLosses are the losses of the padded runs, by fixture: the mean over pairs of real tokens
// where there is a mask, over all pairs where there is none.
type paddedLosses struct {
	RightDefault float32 `json:"pad_right_loss_default"`
	RightMasked  float32 `json:"pad_right_loss_with_mask"`
	LeftDefault  float32 `json:"pad_left_loss_default"`
	LeftMasked   float32 `json:"pad_left_loss_with_mask"`
}

// TestPadding compares runs of prompts of unequal length, padded on either side, with a mask given
// or found.
func TestPadding(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		var loss paddedLosses
		golden.JSON(t, "testdata/interventions/"+f.name+".json", &loss)
		texts := f.json.RaggedPrompts
		left, right := f.Ints("pad_left/attention_mask"), f.Ints("pad_right/attention_mask")
		leftTokens, rightTokens := hooked.Tokens(f.Ints("pad_left/tokens")), hooked.Tokens(f.Ints("pad_right/tokens"))
		for _, run := range []struct {
			name    string
			input   any
			mask    [][]int
			loss    float32
			options []hooked.Option
		}{
			{"pad_left/logits_default", texts, left, loss.LeftDefault, []hooked.Option{hooked.PaddingSide(hooked.Left)}},
			{"pad_left/logits_with_mask", leftTokens, left, loss.LeftMasked, []hooked.Option{hooked.AttentionMask(left)}},
			{"pad_right/logits_default", texts, right, loss.RightDefault, nil},
			{"pad_right/logits_with_mask", rightTokens, right, loss.RightMasked, []hooked.Option{hooked.AttentionMask(right)}},
		} {
			logits, mean, err := f.m.LogitsAndLoss(run.input, run.options...)
			if err != nil {
				t.Fatalf("%s: %v", run.name, err)
			}
			f.compareReal(t, run.name, logits, run.mask)
			golden.Close(t, run.name+" loss", mean.Float32s(), []float32{run.loss}, f.tol)
		}
	})
}

// compareReal compares logits [batch, pos, d_vocab] where there is a token: those of pads mean
// nothing.
func (f *fixture) compareReal(t *testing.T, name string, got *hooked.Tensor, mask [][]int) {
	t.Helper()
	want, shape := f.Floats(name)
	if !slices.Equal(got.Shape(), shape) {
		t.Fatalf("%s: shape %v, want %v", name, got.Shape(), shape)
	}
	values, vocab := got.Float32s(), shape[2]
	for i, real := range slices.Concat(mask...) {
		if real == 1 {
			golden.Close(t, name, values[i*vocab:(i+1)*vocab], want[i*vocab:(i+1)*vocab], f.tol)
		}
	}
}

// TestPaddedTokens compares the token ids of padded texts.
func TestPaddedTokens(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		for name, side := range map[string]hooked.Side{"pad_left/tokens": hooked.Left, "pad_right/tokens": hooked.Right} {
			got := hooked.Must(f.m.ToTokens(f.json.RaggedPrompts, hooked.PaddingSide(side)))
			if want := f.Ints(name); !slices.EqualFunc(got, want, slices.Equal) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
	})
}

// TestLossPerTokenOfPadded checks that pairs with a pad have no loss and that the others' mean is
// the loss.
func TestLossPerTokenOfPadded(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		tokens, mask := hooked.Tokens(f.Ints("pad_left/tokens")), f.Ints("pad_left/attention_mask")
		each := hooked.Must(f.m.Loss(tokens, hooked.AttentionMask(mask), hooked.LossPerToken()))
		losses, n := each.Float32s(), 0
		var sum float32
		for i, row := range mask {
			for k := 1; k < len(row); k++ {
				l := losses[i*(len(row)-1)+k-1]
				if row[k-1]*row[k] == 0 && l != 0 {
					t.Errorf("prompt %d: the pair %d, %d has a pad and loss %v", i, k-1, k, l)
				}
				n += row[k-1] * row[k]
				sum += l
			}
		}
		mean := hooked.Must(f.m.Loss(tokens, hooked.AttentionMask(mask)))
		golden.Close(t, "mean", mean.Float32s(), []float32{sum / float32(n)}, f.tol)
	})
}

// TestBadMasks names what does not fit.
func TestBadMasks(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, nil)
	tokens := hooked.Tokens{{1, 2, 3}, {4, 5, 6}}
	for want, mask := range map[string][][]int{
		"has 1 rows, the input 2 prompts":            {{1, 1, 1}},
		"row 1 has 2 entries, the input 3 positions": {{1, 1, 1}, {1, 1}},
		"row 0, position 2 is 7":                     {{1, 1, 7}, {1, 1, 1}},
	} {
		if _, err := m.Run(tokens, hooked.AttentionMask(mask)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("mask %v: error %v, want one with %q", mask, err, want)
		}
	}
}
