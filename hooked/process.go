package hooked

import (
	"fmt"
	"maps"
	"strings"
)

// Processing says which weight-processing steps [FromPretrained] applies; steps combine with |.
// Each leaves the model's predictions as they are and makes its inside easier to read. Semantics
// and order are TransformerLens' (see transformer_lens/weight_processing.py).
type Processing uint8

// The steps.
const (
	// fold the norms' scales and shifts into the weights that read them
	FoldLN Processing = 1 << iota
	// centre over d_model what is written to the residual stream
	CenterWriting
	// centre the unembedding over the vocabulary: logits shift by a constant
	CenterUnembed
	FoldValueBiases // fold b_V into b_O
	// singular values as the basis of the QK and OV circuits
	RefactorFactored

	NoProcessing      Processing = 0 // the weights as they were trained
	DefaultProcessing            = FoldLN | CenterWriting | CenterUnembed | FoldValueBiases
)

// processingStep is a step with what decides whether it applies to a family.
type processingStep struct {
	flag  Processing
	name  string // TransformerLens'
	skip  func(Config) string
	apply func(Config, StateDict)
}

// processingSteps lists the steps in the order in which they run. Every step looks at one layer at
// a time or at the weights outside the layers, so that a model can be processed while it is loaded,
// piece by piece.
var processingSteps = []processingStep{
	{FoldLN, "fold_ln", skipFoldLN, foldLN},
	{CenterWriting, "center_writing_weights", skipCenterWriting, centerWriting},
	{CenterUnembed, "center_unembed", skipCenterUnembed, centerUnembed},
	{FoldValueBiases, "fold_value_biases", skipFoldValueBiases, foldValueBiases},
	{RefactorFactored, "refactor_factored_attn_matrices", skipRefactor, refactorFactored},
}

// processingSeparator stands between the names of steps.
const processingSeparator = " | "

// String names the steps as TransformerLens does: "fold_ln | center_unembed".
func (p Processing) String() string {
	var names []string
	for _, step := range processingSteps {
		if p&step.flag != 0 {
			names = append(names, step.name)
		}
	}
	if len(names) == 0 {
		return "no processing"
	}
	return strings.Join(names, processingSeparator)
}

// A SkippedStep is a step that was asked for and does not apply to the family.
type SkippedStep struct {
	Step Processing
	Why  string
}

// String is "center_writing_weights: ...".
func (s SkippedStep) String() string { return s.Step.String() + ": " + s.Why }

// applicable splits the steps asked for into those that apply to a model and those that do not,
// with the reason.
func (p Processing) applicable(c Config) (apply Processing, skipped []SkippedStep) {
	for _, step := range processingSteps {
		if p&step.flag == 0 {
			continue
		}
		if c.PostNorm {
			skipped = append(skipped, SkippedStep{step.flag, "an encoder's norms stand after its parts"})
			continue
		}
		if c.NormAfterSum {
			skipped = append(skipped, SkippedStep{step.flag, "the model's norms stand after its parts"})
			continue
		}
		if c.NEncoderLayers > 0 {
			skipped = append(skipped, SkippedStep{step.flag, "an encoder-decoder's weights are taken as they are, as in TransformerLens"})
			continue
		}
		if step.skip != nil {
			if why := step.skip(c); why != "" {
				skipped = append(skipped, SkippedStep{step.flag, why})
				continue
			}
		}
		apply |= step.flag
	}
	return apply, skipped
}

// process applies the steps in place to weights in their device layout, which may be only a part of
// the model: one layer, or what lies outside the layers.
func (p Processing) process(c Config, sd StateDict) {
	for _, step := range processingSteps {
		if p&step.flag != 0 {
			step.apply(c, sd)
		}
	}
}

// left are the weights that are left after processing.
func (p Processing) left(specs map[string]weightSpec) map[string]weightSpec {
	if p&FoldLN == 0 {
		return specs
	}
	out := maps.Clone(specs)
	maps.DeleteFunc(out, func(_ string, spec weightSpec) bool { return spec.folded })
	return out
}

// processed is the configuration after processing.
func (p Processing) processed(c Config) Config {
	if p&FoldLN != 0 {
		c.Normalization = c.Normalization.folded()
	}
	return c
}

func skipFoldLN(c Config) string {
	switch {
	case c.Normalization == NoNorm:
		return "the model has no layer norms"
	case !c.Normalization.HasWeights():
		return "the layer norms have no weights left to fold"
	case c.PositionalEmbedding == ShortformerPositions:
		return "shortformer positions are added after the norm"
	case c.Normalization == LN && !c.LNWithoutBias && c.GatedMLP && c.anyDense():
		return "the norm's shift has no place in a gated MLP, whose b_in is added after the product"
	case c.Normalization == LN && !c.LNWithoutBias && c.DSharedExpert > 0:
		return "the norm's shift has no place in a shared expert, which has no biases"
	}
	return ""
}

func skipFoldValueBiases(c Config) string {
	switch {
	case c.AttnSinks:
		return "rows of a pattern do not sum to one, since sinks take a part"
	case c.ClipQKV > 0:
		return "values are cut off with their biases (ClipQKV)"
	}
	return ""
}

func skipCenterWriting(c Config) string {
	switch {
	case !c.Normalization.Centred():
		return fmt.Sprintf("the model's norm (%s) does not remove the mean of the residual stream", orNone(c.Normalization))
	case c.FinalRMS:
		return "the last norm is RMS, which does not remove the mean of the residual stream"
	case c.PositionalEmbedding == ShortformerPositions:
		return "shortformer positions are added after the norm"
	}
	return ""
}

func orNone(n Normalization) string {
	if n == NoNorm {
		return "none"
	}
	return string(n)
}

func skipCenterUnembed(c Config) string {
	if c.OutputLogitsSoftCap > 0 {
		return "the logits' soft cap is not indifferent to a constant"
	}
	return ""
}

func skipRefactor(c Config) string {
	switch {
	case c.PositionalEmbedding == RotaryPositions:
		return "with rotary positions the QK circuit depends on where query and key stand"
	case c.UseQKNorm:
		return "queries and keys are normalized"
	case c.ClipQKV > 0:
		return "queries, keys and values are cut off (ClipQKV)"
	case c.AttnSinks:
		return "values' biases cannot be folded, since sinks take a part of each pattern"
	case c.groupSize() > 1:
		return "grouped heads share their keys and values"
	}
	return ""
}
