package dictionary

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// A Config says what a dictionary computes. The fields carry SAELens' names in JSON.
type Config struct {
	Kind Kind // SAELens' architecture

	DIn, DOut int // widths of what it reads and of what it gives; the same but for transcoders
	Features  int // SAELens' d_sae

	// K is how many features a TopK keeps at each position. In a BatchTopK it is the mean over all
	// positions together, which may be fractional.
	K float64
	// RescaleByNorm makes the TopK kinds choose by activation times decoder norm.
	RescaleByNorm bool
	// Widths are the nested dictionaries of a Matryoshka, the smallest first.
	Widths []int
	// Threshold is the one that a BatchTopK has learned for use, see [Dictionary.Inference].
	Threshold float64

	SubtractBias  bool          // b_dec is subtracted from the input
	Normalization Normalization // of the input; "" for none
	FlattenHeads  bool          // of a site [..., head, d_head] it reads all heads as one vector

	Hook    string // the site that it reads, by TransformerLens' name
	HookOut string // the site that it gives, which is Hook but for transcoders
	Model   string // that it was made for, as the files say it; may be empty

	// Metadata is what else SAELens keeps of a dictionary, as its cfg.json has it: a JSON object
	// that no computation depends on. [Dictionary.Save] writes it again.
	Metadata json.RawMessage
	// Training are the settings of a training that a file of a training class holds, in the same
	// way.
	Training json.RawMessage
}

// Normalization is what a dictionary does to its input first, SAELens' normalize_activations.
type Normalization string

// The normalizations. What is done to the input is undone in the output, but for transcoders.
const (
	NoNormalization Normalization = "none"
	// Rescaled has vectors of norm sqrt(d_in).
	Rescaled Normalization = "constant_norm_rescale"
	// LayerNormed has vectors of mean zero and variance one.
	LayerNormed Normalization = "layer_norm"
	// AverageOnlyIn expects activations whose mean norm is sqrt(d_in), and does nothing itself:
	// fold the factor with [Dictionary.FoldNormFactor].
	AverageOnlyIn Normalization = "expected_average_only_in"
)

var normalizations = []Normalization{NoNormalization, Rescaled, LayerNormed, AverageOnlyIn}

// largestSize bounds every size of a dictionary, far above any there is.
const largestSize = 1 << 28

// Validate reports what is wrong with a configuration, all of it.
func (c Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, brief.Errorf("dictionary: "+format, args...)) }
	k, ok := kinds[c.Kind]
	if !ok {
		return brief.Errorf("dictionary: there is no kind %q%s; known: %s", c.Kind, nearest.Hint(string(c.Kind), kindNames()), brief.Names(kindNames()))
	}
	for _, size := range []struct {
		name string
		n    int
	}{{"d_in", c.DIn}, {"d_out", c.DOut}, {"d_sae", c.Features}} {
		if size.n < 1 || size.n > largestSize {
			fail("%s is %d, want 1 or more", size.name, size.n)
		}
	}
	if c.Normalization != "" && !slices.Contains(normalizations, c.Normalization) {
		fail("normalize_activations %q is not supported; known: %q", c.Normalization, normalizations)
	}
	errs = append(errs, k.checkChoice(c), c.checkWidths())
	switch {
	case k.transcodes && c.SubtractBias:
		fail("a transcoder's b_dec has the width of its output, so apply_b_dec_to_input must be false")
	case k.transcodes && (c.HookOut == "" || c.HookOut == c.Hook):
		fail("a transcoder gives another site than it reads: hook_name_out is missing")
	case !k.transcodes && c.DOut != c.DIn:
		fail("d_out is %d and d_in %d: a dictionary of kind %q gives back what it reads", c.DOut, c.DIn, c.Kind)
	case !k.transcodes && c.HookOut != c.Hook:
		fail("hook_name_out is %q and hook_name %q: a dictionary of kind %q gives back what it reads", c.HookOut, c.Hook, c.Kind)
	}
	if c.Hook == "" {
		fail("hook_name is missing: say which site the dictionary reads")
	}
	if c.FlattenHeads && !strings.HasSuffix(c.Hook, "_z") {
		fail("reshape_activations hook_z is for the outputs of heads, attn.hook_z, and hook_name is %q", c.Hook)
	}
	return errors.Join(errs...)
}

// checkChoice reports a K that the kind cannot have.
func (k kind) checkChoice(c Config) error {
	switch {
	case !k.hasK() && (c.K != 0 || c.RescaleByNorm):
		return brief.Errorf("dictionary: k and rescale_acts_by_decoder_norm are for the TopK kinds, not for %q", c.Kind)
	case k.hasK() && !(c.K > 0 && c.K <= float64(c.Features)):
		return brief.Errorf("dictionary: k is %v, want more than 0 and at most the %d features", c.K, c.Features)
	case k.hasK() && !k.wholeBatch && c.K != math.Trunc(c.K):
		return brief.Errorf("dictionary: k is %v, want a whole number of features at each position", c.K)
	}
	return nil
}

func (c Config) checkWidths() error {
	if c.Kind != Matryoshka && len(c.Widths) > 0 {
		return brief.Errorf("dictionary: matryoshka_widths is for kind %q, not for %q", Matryoshka, c.Kind)
	}
	last := 0
	for _, w := range c.Widths {
		if w <= last || w > c.Features {
			return brief.Errorf("dictionary: matryoshka_widths is %v, want growing numbers up to the %d features", c.Widths, c.Features)
		}
		last = w
	}
	return nil
}

// Transcodes reports whether the dictionary gives another site than it reads.
func (c Config) Transcodes() bool { return kinds[c.Kind].transcodes }

// String describes the dictionary in a line.
func (c Config) String() string {
	k, ok := kinds[c.Kind]
	if !ok {
		return "no dictionary"
	}
	at := c.Hook
	if c.HookOut != c.Hook {
		at += " -> " + c.HookOut
	}
	text := fmt.Sprintf("%s of %d features on %s (d_in %d)", k.about, c.Features, at, c.DIn)
	if c.Model != "" {
		text += " of " + c.Model
	}
	for _, say := range []struct {
		when bool
		text string
	}{
		{k.hasK() && !k.wholeBatch, fmt.Sprintf("keeps the %v largest features of a position", c.K)},
		{k.wholeBatch, fmt.Sprintf("as its training class saves it: keeps the %v x n largest of all n positions together; Inference gives the "+
			"JumpReLU form of threshold %.6g", c.K, c.Threshold)},
		{c.RescaleByNorm, "chooses by activation times decoder norm"},
		{len(c.Widths) > 0, fmt.Sprintf("nested widths %v", c.Widths)},
		{c.SubtractBias, "b_dec is subtracted from the input"},
		{c.FlattenHeads, "reads all heads as one vector"},
		{c.Normalization == Rescaled || c.Normalization == LayerNormed, "normalizes its input (" + string(c.Normalization) + ")"},
		{c.Normalization == AverageOnlyIn, "expects activations of mean norm sqrt(d_in): fold the factor with FoldNormFactor"},
	} {
		if say.when {
			text += "; " + say.text
		}
	}
	return brief.Sprintf("%s", text)
}
