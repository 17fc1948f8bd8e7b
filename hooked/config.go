package hooked

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gopherlens/internal/brief"
)

// Normalization says what the layer norms of a model compute.
type Normalization string

// The kinds of normalization. The two that end in Pre have no parameters of their own: [FoldLN]
// turns the others into them.
const (
	NoNorm Normalization = ""       // the residual stream is read as it is
	LN     Normalization = "LN"     // centre, divide by the standard deviation, scale and shift
	LNPre  Normalization = "LNPre"  // centre and divide only
	RMS    Normalization = "RMS"    // divide by the root mean square, scale
	RMSPre Normalization = "RMSPre" // divide by the root mean square only
)

// Centred reports whether the norm subtracts the mean over d_model.
func (n Normalization) Centred() bool { return n == LN || n == LNPre }

// HasWeights reports whether the norm has parameters of its own.
func (n Normalization) HasWeights() bool { return n == LN || n == RMS }

// folded is the same norm without parameters.
func (n Normalization) folded() Normalization {
	switch n {
	case LN:
		return LNPre
	case RMS:
		return RMSPre
	}
	return n
}

// PositionalEmbedding says how a model knows where a token stands.
type PositionalEmbedding string

// The kinds of positional information.
const (
	StandardPositions PositionalEmbedding = "standard" // learned, added to the embedding
	// learned, added to the inputs of q and k only
	ShortformerPositions PositionalEmbedding = "shortformer"
	// q and k turned by an angle (Su et al. 2021, arXiv:2104.09864)
	RotaryPositions PositionalEmbedding = "rotary"
	// scores lowered with distance (Press et al. 2021, arXiv:2108.12409)
	ALiBiPositions PositionalEmbedding = "alibi"
	// T5: a learned number for each head is added to scores, by the distance of query and key
	RelativePositions PositionalEmbedding = "relative_positional_bias"

	noPositions PositionalEmbedding = "none" // of a decoder's attention to its encoder
)

// Learned reports whether the model has a table of position vectors, W_pos.
func (p PositionalEmbedding) Learned() bool {
	return p == StandardPositions || p == ShortformerPositions
}

// Direction says which keys a query may look at.
type Direction string

// The directions of attention.
const (
	Causal        Direction = "causal"        // itself and what stands before it
	Bidirectional Direction = "bidirectional" // all
)

// AttentionKind says how far back a layer's attention reaches.
type AttentionKind string

// The kinds of attention that [Config.AttnTypes] lists, one a layer.
const (
	GlobalAttention AttentionKind = "global" // to the beginning
	LocalAttention  AttentionKind = "local"  // the last [Config.WindowSize] positions
)

// QKNorm says how q and k are normalized, before they are turned.
type QKNorm string

// The kinds of norm of q and k.
const (
	EachHead QKNorm = ""    // RMS of each head, with the same weights for all of them
	AllHeads QKNorm = "all" // OLMo 2: RMS of all heads together
	OwnLN    QKNorm = "own" // Command R+: layer norm of each head, with weights of its own
)

// Router says how the gates of a mixture of experts follow from the router's scores.
type Router string

// The kinds of router. In all but the last each token uses the experts with the largest scores.
const (
	SoftmaxRouter    Router = "softmax"     // gates are a softmax over all experts
	NormalizedRouter Router = "normalized"  // over the chosen ones, so that they sum to one
	SparseMixer      Router = "sparsemixer" // Phi: a softmax for each slot over those nearly as good as the best left
)

// A Config says everything that the forward pass needs to know of a model: sizes, and which of the
// known variants of each part it has. Field names are TransformerLens' in Go's case. It is a value:
// a model never changes its own.
type Config struct {
	ModelName    string // as the user asked for it
	Architecture string // the family, e.g. "GPT2LMHeadModel"

	NLayers        int // transformer blocks
	DModel         int // width of the residual stream
	NCtx           int // longest input, in tokens
	DHead          int // width of a head
	NHeads         int // query heads
	NKeyValueHeads int // key and value heads; NHeads unless grouped
	DMLP           int // hidden width of the MLP
	DVocab         int // tokens that can be read
	DVocabOut      int // tokens that can be predicted; DVocab but in toy models

	ActFn                       Activation    // of the MLP
	Normalization               Normalization // of every norm but, with FinalRMS, the last
	Eps                         float64       // inside the square root of the norms
	FinalRMS                    bool          // the last norm is RMS whatever the others are
	NormalizationBeforeAndAfter bool          // Gemma 2: a second norm after attention and MLP
	NormalizationAfterOnly      bool          // OLMo 2: norms after attention and MLP, none before them
	// OPT-350m: the norms are of the residual stream with what attention or MLP has added, so that it
	// is no sum of what the layers write; there is none at the end
	NormAfterSum    bool
	LNWithoutBias   bool // Cohere, MPT: layer norms scale and do not shift
	PostEmbeddingLN bool // BLOOM: a norm right after the embedding
	// BERT: norms stand after the parts; such a model is an [Encoder]
	PostNorm bool
	// T5: layers of an encoder, which each layer of the decoder, of which there are NLayers, looks
	// at; such a model is an [EncoderDecoder]. 0 for none
	NEncoderLayers int
	ScaledOutput   bool // T5: what is unembedded is divided by sqrt(DModel) first
	DecoderStart   int  // T5: the token that a decoder's text begins with

	// scores are divided by it; sqrt(DHead) unless the family says otherwise
	AttnScale                  float64
	ScaleAttnByInverseLayerIdx bool      // and by the layer's number, from 1
	AttentionDir               Direction // causal but for encoders
	AttnOnly                   bool      // no MLPs
	// BERT: kinds of tokens, which have an embedding of their own; 0 for none
	NTokenTypes int
	// RoBERTa: rows of W_pos before that of the first token. The last of them is the pads', whose
	// token has its number; positions count the tokens that are none
	PositionsAfter int
	Headless       bool // an encoder that predicts no tokens, as those of sentences are saved
	// of local layers, in tokens, the query's own included
	WindowSize          int
	AttnTypes           []AttentionKind // per layer; empty when all are global
	AttnScoresSoftCap   float64         // c: scores become c*tanh(scores/c); 0 for none
	OutputLogitsSoftCap float64         // the same for logits
	UseQKNorm           bool            // a norm of q and k
	QKNorm              QKNorm          // which; [EachHead] unless the family says otherwise
	ClipQKV             float64         // q, k and v are cut off at plus and minus it; 0 for none
	AttnSinks           bool            // gpt-oss: each head may look at nothing, with a learned score

	PositionalEmbedding PositionalEmbedding
	RotaryDim           int          // leading entries of a head that are turned
	RotaryBase          float64      // of global layers
	RotaryBaseLocal     float64      // of local layers, 0 if the same
	RotaryScaling       *RopeScaling // of global layers; nil for none
	// GGUF: what each pair's positions are divided by in global layers
	RotaryFactors       []float64
	RotaryAdjacentPairs bool // GPT-J: pairs (0,1), (2,3), ...; else (0,n/2), (1,n/2+1), ...
	// per layer: whether q and k are turned (SmolLM3, Cohere 2); empty when all are
	RotaryLayers []bool
	// ALiBi: how much a score falls with each position, per head; empty for the paper's slopes
	ALiBiSlopes []float64
	// Falcon: the bias is the key's position times the slope, each rounded to bfloat16, and is
	// divided by AttnScale with the score
	ALiBiRounded bool

	// of [RelativePositions]: distances that have a number of their own, the larger of them ranges
	// of distances, and from which distance on all have the last one
	RelativeBuckets     int
	RelativeMaxDistance int
	// UMT5: each layer has numbers of its own; else a stack's first layer has them for all
	RelativeEachLayer bool

	// a mixture of experts in place of an MLP; 0 for none
	NExperts        int
	ExpertsPerToken int     // that each token chooses
	DExpert         int     // hidden width of an expert
	DSharedExpert   int     // Qwen 2: of one more that all tokens use; 0 for none
	SparseLayers    []bool  // per layer: whether it has one; empty when all have
	Router          Router  // how gates follow from scores
	RouterJitter    float64 // of [SparseMixer]: how much less than the best an expert may be
	// gpt-oss: gate and linear part are cut off at it, and one is added to the latter; 0 for none
	SwiGLULimit float64

	ParallelAttnMLP bool // attention and MLP read the same residual stream
	GatedMLP        bool // act(x W_gate) * (x W_in)

	DType             DType  // of weights and activations; F32 unless asked for
	DefaultPrependBOS bool   // texts get a BOS unless a call says otherwise
	InitMode          string // how a model made from a Config alone is filled, see [New]
	InitializerRange  float64
	Seed              int64
}

// withDefaults fills the fields whose zero value means "the usual".
func (c Config) withDefaults() Config {
	c.NKeyValueHeads = cmp.Or(c.NKeyValueHeads, c.NHeads)
	c.DVocabOut = cmp.Or(c.DVocabOut, c.DVocab)
	if !c.AttnOnly {
		c.DMLP = cmp.Or(c.DMLP, 4*c.DModel)
	}
	c.Eps = cmp.Or(c.Eps, 1e-5)
	c.AttnScale = cmp.Or(c.AttnScale, math.Sqrt(float64(c.DHead)))
	c.AttentionDir = cmp.Or(c.AttentionDir, Causal)
	c.PositionalEmbedding = cmp.Or(c.PositionalEmbedding, StandardPositions)
	if c.PositionalEmbedding == RotaryPositions {
		c.RotaryDim = cmp.Or(c.RotaryDim, c.DHead)
		c.RotaryBase = cmp.Or(c.RotaryBase, 10000)
	}
	c.DType = cmp.Or(c.DType, F32)
	c.InitMode = cmp.Or(c.InitMode, "gpt2")
	if c.InitMode == "gpt2" {
		c.InitializerRange = cmp.Or(c.InitializerRange, 0.8/math.Sqrt(float64(c.DModel)))
	}
	c.InitializerRange = cmp.Or(c.InitializerRange, 1)
	return c
}

// Bounds of a configuration's sizes, well above any model's: what is larger is a damaged file, and
// must not make anyone count to it.
const (
	maxLayers  = 1 << 12
	maxExperts = 1 << 12
	maxSize    = 1 << 24
	// of [Config.RelativeMaxDistance]: a program has a table of so many distances on each side
	maxDistance = 1 << 16
)

// Validate reports every field that makes no sense, each by name.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, brief.Errorf("config: "+format, args...))
		}
	}
	check(c.NLayers > 0 && c.NLayers <= maxLayers, "NLayers must be 1 to %d, got %d", maxLayers, c.NLayers)
	for _, f := range []struct {
		name string
		size int
	}{{"DModel", c.DModel}, {"NCtx", c.NCtx}, {"DHead", c.DHead}, {"NHeads", c.NHeads}, {"NKeyValueHeads", c.NKeyValueHeads},
		{"DVocab", c.DVocab}, {"DVocabOut", c.DVocabOut}} {
		check(f.size > 0 && f.size <= maxSize, "%s must be 1 to %d, got %d", f.name, maxSize, f.size)
	}
	check(c.AttnOnly || c.DMLP > 0 && c.DMLP <= maxSize, "DMLP must be 1 to %d, got %d", maxSize, c.DMLP)
	for _, f := range []struct {
		name  string
		value float64
	}{{"Eps", c.Eps}, {"AttnScale", c.AttnScale}} {
		check(positive(f.value), "%s must be positive, got %v", f.name, f.value)
	}
	check(c.PositionalEmbedding != RotaryPositions || positive(c.RotaryBase), "RotaryBase must be positive, got %v", c.RotaryBase)
	check(c.RotaryBaseLocal == 0 || positive(c.RotaryBaseLocal), "RotaryBaseLocal must be positive, got %v", c.RotaryBaseLocal)
	for _, f := range []struct {
		name string
		cap  float64
	}{{"AttnScoresSoftCap", c.AttnScoresSoftCap}, {"OutputLogitsSoftCap", c.OutputLogitsSoftCap}} {
		check(f.cap == 0 || positive(f.cap), "%s must be positive, or 0 for none, got %v", f.name, f.cap)
	}
	check(c.NTokenTypes >= 0 && c.NTokenTypes <= maxSize, "NTokenTypes must be 0 to %d, got %d", maxSize, c.NTokenTypes)
	check(c.PositionsAfter >= 0 && c.PositionsAfter <= maxSize, "PositionsAfter must be 0 to %d, got %d", maxSize, c.PositionsAfter)
	check(c.PostNorm || c.NTokenTypes == 0 && c.PositionsAfter == 0 && !c.Headless, "NTokenTypes, PositionsAfter and Headless are of encoders (PostNorm)")
	check(c.DType == "" || deviceTypes[c.DType] != 0, "unknown DType %q; known: %s, %s, %s", c.DType, F32, BF16, F16)
	check(slices.Contains([]Normalization{NoNorm, LN, LNPre, RMS, RMSPre}, c.Normalization), "unknown Normalization %q", c.Normalization)
	check(slices.Contains([]PositionalEmbedding{StandardPositions, ShortformerPositions, RotaryPositions, ALiBiPositions, RelativePositions}, c.PositionalEmbedding),
		"unknown PositionalEmbedding %q", c.PositionalEmbedding)
	check(slices.Contains([]Direction{Causal, Bidirectional}, c.AttentionDir), "unknown AttentionDir %q", c.AttentionDir)
	for l, kind := range c.AttnTypes {
		check(kind == GlobalAttention || kind == LocalAttention, "unknown AttnTypes[%d] %q", l, kind)
	}
	check(c.AttnOnly || c.ActFn.known(), "unknown ActFn %q; known: %v", c.ActFn, Activations())
	check(c.NKeyValueHeads > 0 && c.NHeads%c.NKeyValueHeads == 0, "NHeads %d is no multiple of NKeyValueHeads %d", c.NHeads, c.NKeyValueHeads)
	check(len(c.AttnTypes) == 0 || len(c.AttnTypes) == c.NLayers, "AttnTypes has %d entries for %d layers", len(c.AttnTypes), c.NLayers)
	check(len(c.AttnTypes) == 0 || c.WindowSize > 0, "AttnTypes needs a positive WindowSize, got %d", c.WindowSize)
	check(len(c.RotaryLayers) == 0 || len(c.RotaryLayers) == c.NLayers, "RotaryLayers has %d entries for %d layers", len(c.RotaryLayers), c.NLayers)
	check(len(c.ALiBiSlopes) == 0 || len(c.ALiBiSlopes) == c.NHeads, "ALiBiSlopes has %d entries for %d heads", len(c.ALiBiSlopes), c.NHeads)
	check(slices.IndexFunc(c.ALiBiSlopes, func(v float64) bool { return !positive(v) }) < 0, "ALiBiSlopes must be positive, got %v", c.ALiBiSlopes)
	check(c.ClipQKV == 0 || positive(c.ClipQKV), "ClipQKV must be positive, or 0 for none, got %v", c.ClipQKV)
	check(slices.Contains([]QKNorm{EachHead, AllHeads, OwnLN}, c.QKNorm), "unknown QKNorm %q", c.QKNorm)
	check(c.UseQKNorm || c.QKNorm == EachHead, "QKNorm is %q and UseQKNorm false", c.QKNorm)
	check(!c.NormalizationAfterOnly || !c.NormalizationBeforeAndAfter, "NormalizationAfterOnly and NormalizationBeforeAndAfter exclude each other")
	check(!c.NormAfterSum || c.Normalization == LN && !c.NormalizesOutputs() && !c.ParallelAttnMLP && !c.AttnOnly && !c.PostNorm && c.NEncoderLayers == 0 && c.NExperts == 0 &&
		!c.ActFn.hasLN() && !c.GatedMLP && !c.PostEmbeddingLN && c.PositionalEmbedding == StandardPositions,
		"NormAfterSum is for plain layers with layer norms (LN) and learned positions")
	errs = append(errs, c.validateExperts(), c.validateEncoderDecoder())
	check(c.RotaryDim >= 0 && c.RotaryDim%2 == 0 && c.RotaryDim <= c.DHead, "RotaryDim %d must be even and at most DHead %d", c.RotaryDim, c.DHead)
	if len(c.RotaryFactors) > 0 {
		errs = append(errs, factors("RotaryFactors", c.RotaryFactors, c.RotaryDim))
	}
	if c.RotaryScaling != nil {
		errs = append(errs, c.RotaryScaling.validate(c.RotaryDim))
	}
	return errors.Join(errs...)
}

// positive reports whether v is a finite number above zero.
func positive(v float64) bool { return v > 0 && !math.IsInf(v, 0) }

// firstLayers is the configuration of the first n layers alone; of all if n is 0.
func (c Config) firstLayers(n int) (Config, error) {
	if n > 0 && c.NEncoderLayers > 0 {
		return c, brief.Errorf("LoadOptions.FirstNLayers is for models of one stack of layers, this has an encoder and a decoder")
	}
	if n < 0 || n > c.NLayers {
		return c, brief.Errorf("LoadOptions.FirstNLayers is %d, the model has %d layers", n, c.NLayers)
	}
	if n == 0 {
		return c, nil
	}
	c.NLayers = n
	if len(c.AttnTypes) > 0 {
		c.AttnTypes = slices.Clone(c.AttnTypes[:n])
	}
	if !slices.Contains(c.AttnTypes, LocalAttention) {
		c.AttnTypes, c.WindowSize = nil, 0
	}
	if len(c.SparseLayers) > 0 {
		c.SparseLayers = slices.Clone(c.SparseLayers[:n])
	}
	if len(c.RotaryLayers) > 0 {
		c.RotaryLayers = slices.Clone(c.RotaryLayers[:n])
	}
	return c, nil
}

// longest is how many tokens a text may have. Dynamic rotary scaling sets no limit, since it
// stretches to any length, nor do relative positions, of which all beyond some distance are alike.
func (c Config) longest() int {
	if s := c.RotaryScaling; s != nil && s.Kind == DynamicRope || c.PositionalEmbedding == RelativePositions {
		return maxSize
	}
	return c.NCtx
}

// groupSize is the number of query heads that share a key-value head.
func (c Config) groupSize() int { return c.NHeads / max(1, c.NKeyValueHeads) }

// logitAxis is the name of the axis of the tokens that can be predicted: that of the tokens that
// can be read, where they are the same.
func (c Config) logitAxis() string {
	if c.DVocabOut == c.DVocab {
		return "d_vocab"
	}
	return "d_vocab_out"
}

// called is the model's name, or for one that was made of a Config its sizes.
func (c Config) called() string {
	if c.ModelName != "" {
		return c.ModelName
	}
	return fmt.Sprintf("new model (%d layers, d_model %d)", c.NLayers, c.DModel)
}

// AttnScaleAt is what the scores of layer l are divided by.
func (c Config) AttnScaleAt(l int) float64 {
	if c.ScaleAttnByInverseLayerIdx {
		return c.AttnScale * float64(l+1)
	}
	return c.AttnScale
}

// validateExperts reports what makes no sense in the mixture of experts.
func (c Config) validateExperts() error {
	if c.NExperts == 0 {
		if c.ExpertsPerToken != 0 || c.DExpert != 0 || c.DSharedExpert != 0 || len(c.SparseLayers) > 0 || c.Router != "" || c.SwiGLULimit != 0 {
			return brief.Errorf("config: a model without experts (NExperts is 0) has none of the fields of experts")
		}
		return nil
	}
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, brief.Errorf("config: "+format, args...))
		}
	}
	check(!c.AttnOnly && c.GatedMLP, "NExperts is %d: experts stand in place of gated MLPs", c.NExperts)
	check(c.NExperts > 0 && c.NExperts <= maxExperts, "NExperts must be 1 to %d, got %d", maxExperts, c.NExperts)
	check(c.ExpertsPerToken > 0 && c.ExpertsPerToken <= c.NExperts, "ExpertsPerToken must be 1 to NExperts %d, got %d", c.NExperts, c.ExpertsPerToken)
	check(c.DExpert > 0 && c.DExpert <= maxSize, "DExpert must be 1 to %d, got %d", maxSize, c.DExpert)
	check(c.DSharedExpert >= 0 && c.DSharedExpert <= maxSize, "DSharedExpert must be 0 to %d, got %d", maxSize, c.DSharedExpert)
	check(len(c.SparseLayers) == 0 || len(c.SparseLayers) == c.NLayers, "SparseLayers has %d entries for %d layers", len(c.SparseLayers), c.NLayers)
	check(slices.Contains([]Router{SoftmaxRouter, NormalizedRouter, SparseMixer}, c.Router), "unknown Router %q", c.Router)
	check(c.Router != SparseMixer || c.ExpertsPerToken <= 2 && c.RouterJitter >= 0, "SparseMixer chooses at most 2 experts with a RouterJitter of 0 or more, got %d and %v",
		c.ExpertsPerToken, c.RouterJitter)
	check(c.SwiGLULimit == 0 || positive(c.SwiGLULimit), "SwiGLULimit must be positive, or 0 for none, got %v", c.SwiGLULimit)
	return errors.Join(errs...)
}

// sparse reports whether layer l has a mixture of experts.
func (c Config) sparse(l int) bool {
	return c.NExperts > 0 && (len(c.SparseLayers) == 0 || c.SparseLayers[l])
}

// anyDense reports whether a layer has an MLP for all tokens.
func (c Config) anyDense() bool {
	for l := range min(c.NLayers, maxLayers) {
		if !c.AttnOnly && !c.sparse(l) {
			return true
		}
	}
	return false
}

// rotates reports whether layer l turns q and k.
func (c Config) rotates(l int) bool {
	return c.PositionalEmbedding == RotaryPositions && (len(c.RotaryLayers) == 0 || c.RotaryLayers[l])
}

// NormalizesOutputs reports whether what attention and MLP write is normalized before it is added
// to the residual stream.
func (c Config) NormalizesOutputs() bool {
	return c.NormalizationBeforeAndAfter || c.NormalizationAfterOnly
}

// preNorm is the norm through which attention and MLP read the residual stream.
func (c Config) preNorm() Normalization {
	if c.NormalizationAfterOnly {
		return NoNorm
	}
	return c.Normalization
}

// local reports whether layer l attends to a window only.
func (c Config) local(l int) bool {
	return len(c.AttnTypes) > 0 && c.AttnTypes[l] == LocalAttention
}

// postNorm is the norm of what a part writes (Gemma 2): nothing reads it through a weight, so it
// keeps its own.
func (c Config) postNorm() Normalization {
	if c.Normalization.Centred() {
		return LN
	}
	return RMS
}

// finalNorm is the normalization before the unembedding.
func (c Config) finalNorm() Normalization {
	switch {
	case c.NormAfterSum:
		return NoNorm
	case !c.FinalRMS:
		return c.Normalization
	case c.Normalization.HasWeights():
		return RMS
	}
	return RMSPre
}

// layer resolves a layer number as Python does an index: -1 is the last.
func (c Config) layer(l int) (int, error) {
	if l < -c.NLayers || l >= c.NLayers {
		return 0, brief.Errorf("layer %d does not exist: the model has %d layers (0 to %d, or -%d to -1)", l, c.NLayers, c.NLayers-1, c.NLayers)
	}
	if l < 0 {
		l += c.NLayers
	}
	return l, nil
}

// validateEncoderDecoder reports what makes no sense in two stacks of layers.
func (c Config) validateEncoderDecoder() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, brief.Errorf("config: "+format, args...))
		}
	}
	relative := c.PositionalEmbedding == RelativePositions
	check(relative || c.RelativeBuckets == 0 && c.RelativeMaxDistance == 0 && !c.RelativeEachLayer,
		"RelativeBuckets, RelativeMaxDistance and RelativeEachLayer are of RelativePositions")
	check(!relative || c.RelativeBuckets >= 4 && c.RelativeBuckets%2 == 0 && c.RelativeBuckets <= maxSize,
		"RelativeBuckets must be even and 4 to %d, got %d", maxSize, c.RelativeBuckets)
	check(!relative || c.RelativeMaxDistance > c.RelativeBuckets/2 && c.RelativeMaxDistance <= maxDistance,
		"RelativeMaxDistance must be more than half of RelativeBuckets %d and at most %d, got %d", c.RelativeBuckets, maxDistance, c.RelativeMaxDistance)
	check(c.NEncoderLayers >= 0 && c.NEncoderLayers <= maxLayers, "NEncoderLayers must be 0 to %d, got %d", maxLayers, c.NEncoderLayers)
	if c.NEncoderLayers == 0 {
		check(c.DecoderStart == 0 && !c.ScaledOutput && !relative, "RelativePositions, ScaledOutput and DecoderStart are of encoder-decoders (NEncoderLayers)")
		return errors.Join(errs...)
	}
	check(c.DecoderStart >= 0 && c.DecoderStart < c.DVocab, "DecoderStart must be a token, 0 to %d, got %d", c.DVocab-1, c.DecoderStart)
	check(relative, "an encoder-decoder has RelativePositions, got %q", c.PositionalEmbedding)
	check(!c.AttnOnly && !c.ParallelAttnMLP && !c.PostNorm && !c.UseQKNorm && !c.NormalizesOutputs() && !c.PostEmbeddingLN && !c.ActFn.hasLN() && c.NExperts == 0 &&
		len(c.AttnTypes) == 0 && c.AttentionDir == Causal && !c.ScaleAttnByInverseLayerIdx && !c.AttnSinks && c.groupSize() == 1,
		"an encoder-decoder has plain layers of attention and MLP, all alike")
	return errors.Join(errs...)
}
