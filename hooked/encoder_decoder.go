package hooked

import (
	"iter"

	"github.com/gomlx/compute/dtypes"

	"gopherlens/internal/brief"
	"gopherlens/tokenize"
)

// An EncoderDecoder is a T5 or one of its relatives: an encoder reads a text, the source, in both
// directions at once; a decoder, whose layers look at what it has made, predicts another one, the
// target, token by token. Hooks, caches and options are those of [Model]; sites have the names of
// TransformerLens' HookedEncoderDecoder: "encoder.3.hook_resid_post",
// "decoder.0.cross_attn.hook_pattern", in Go ResidPost.At(3).InEncoder() and
// CrossAttnPattern.At(0). No weight processing applies to it.
//
// TransformerLens 2.16.1's decoder sees the tokens that it predicts; this one is causal, as the
// models were trained. Sources: Raffel et al. 2019 (arXiv:1910.10683);
// transformers/models/t5/modeling_t5.py.
type EncoderDecoder struct{ m *Model }

// EncoderDecoderFromPretrained is the encoder-decoder called name, found as [FromPretrained] does.
func EncoderDecoderFromPretrained(name string, options ...LoadOptions) (*EncoderDecoder, error) {
	how, err := oneOption(options)
	if err != nil {
		return nil, err
	}
	m, err := fromName(name, NoProcessing, how)
	if err != nil {
		return nil, err
	}
	if m.cfg.NEncoderLayers == 0 {
		return nil, m.cfg.loadedBy(name, "no encoder-decoder")
	}
	return &EncoderDecoder{m}, nil
}

// loadedBy is the error about a model that another function loads.
func (c Config) loadedBy(name, not string) error {
	by := "FromPretrained"
	switch {
	case c.PostNorm:
		by = "EncoderFromPretrained"
	case c.NEncoderLayers > 0:
		by = "EncoderDecoderFromPretrained"
	}
	return brief.Errorf("%s is %s but a %s: load it with %s", name, not, c.Architecture, by)
}

// model is the encoder-decoder's model; nil if there is none, which each of its methods then
// reports.
func (e *EncoderDecoder) model() *Model {
	if e == nil {
		return nil
	}
	return e.m
}

// Config is the configuration; NLayers are the decoder's, NEncoderLayers the encoder's.
func (e *EncoderDecoder) Config() Config { return e.model().Config() }

// Tokenizer is the tokenizer; an error if the model has none.
func (e *EncoderDecoder) Tokenizer() (*tokenize.Tokenizer, error) { return e.model().Tokenizer() }

// Weight is a weight by TransformerLens' name for it, such as "decoder.0.cross_attn.W_K" or
// "encoder.0.attn.rel_pos_bias.weight".
func (e *EncoderDecoder) Weight(name string) (*Tensor, error) { return e.model().Weight(name) }

// WeightNames are the names of the weights, sorted.
func (e *EncoderDecoder) WeightNames() ([]string, error) { return e.model().WeightNames() }

// String describes the model.
func (e *EncoderDecoder) String() string { return e.model().String() }

// Save writes the model into a folder, as [Model.Save] does.
func (e *EncoderDecoder) Save(folder string, options ...SaveOptions) error {
	return e.model().Save(folder, options...)
}

// ToTokens turns texts into token ids [batch][pos] for the encoder, each with what the tokenizer
// puts after it ("</s>"), and tells real tokens (1) from the pads (0) that shorter texts are filled
// up with.
func (e *EncoderDecoder) ToTokens(texts ...string) (tokens Tokens, mask [][]int, err error) {
	return e.model().toMasked(texts, tokenize.Options{PrependBOS: tokenize.NoBOS}, nil)
}

// ToTargets turns texts into token ids [batch][pos] for the decoder: [Config.DecoderStart] and the
// text, without an end, so that what comes next is predicted. It tells real tokens (1) from the
// pads (0) that shorter texts are filled up with. To have the end predicted too
// ([EncoderDecoder.Loss]), append it.
func (e *EncoderDecoder) ToTargets(texts ...string) (tokens Tokens, mask [][]int, err error) {
	m := e.model()
	end, hasEnd := m.eosToken()
	return m.toMasked(texts, tokenize.Options{PrependBOS: tokenize.NoBOS}, func(row []int) []int {
		if n := len(row); hasEnd && n > 0 && row[n-1] == end {
			row = row[:n-1]
		}
		return append([]int{m.cfg.DecoderStart}, row...)
	})
}

// toMasked turns texts into tokens with what the tokenizer puts around them, or what change makes
// of each row, padded on the right.
func (m *Model) toMasked(texts []string, o tokenize.Options, change func(row []int) []int) (tokens Tokens, mask [][]int, err error) {
	tok, err := m.Tokenizer()
	if err != nil {
		return nil, nil, err
	}
	rows, err := tok.ToRows(texts, o)
	if err != nil {
		return nil, nil, err
	}
	if change != nil {
		for i, row := range rows {
			rows[i] = change(row)
		}
	}
	if mask, err = tok.PadRows(rows, tokenize.PadRight); err != nil {
		return nil, nil, err
	}
	return rows, mask, nil
}

// Run computes the logits [batch, pos, d_vocab] of each token of the target given those before it
// and the source. Either is a text (string), texts ([]string) or token ids ([Tokens], [][]int,
// []int); a target that is nil is the token that all begin with, and texts get it
// ([EncoderDecoder.ToTargets]). The pads among the source's token ids are told by [AttentionMask].
func (e *EncoderDecoder) Run(source, target any, options ...Option) (*Tensor, error) {
	out, err := e.forward(source, target, options, verbTranslate)
	if err != nil {
		return nil, err
	}
	return out.result(), nil
}

// RunWithCache is [EncoderDecoder.Run] with every activation along the way, of the encoder and of
// the decoder, or those that [Names] selects.
func (e *EncoderDecoder) RunWithCache(source, target any, options ...Option) (*Tensor, *Cache, error) {
	out, err := e.forward(source, target, options, verbTranslateWithCache)
	if err != nil {
		return nil, nil, err
	}
	return out.result(), out.cache, nil
}

// Encode is what the encoder makes of the source after its last norm, which the decoder's layers
// look at: [batch, pos, d_model].
func (e *EncoderDecoder) Encode(source any, options ...Option) (*Tensor, error) {
	out, err := e.forward(source, nil, options, verbEncodeSource)
	if err != nil {
		return nil, err
	}
	return out.encoded, nil
}

// Loss is the mean cross-entropy in nats of each token of the target given those before it and the
// source; with [LossPerToken] each one's own, [batch, pos-1]. The token that a target begins with
// is not predicted. Of texts pads do not count.
func (e *EncoderDecoder) Loss(source, target any, options ...Option) (*Tensor, error) {
	out, err := e.forward(source, target, options, verbTranslationLoss)
	if err != nil {
		return nil, err
	}
	return out.loss, nil
}

// Measure is one number of the logits of [EncoderDecoder.Run], see [Model.Measure].
func (e *EncoderDecoder) Measure(source, target any, metric Metric, options ...Option) (*Tensor, error) {
	out, err := e.measured(source, target, metric, options, verbMeasureTranslation)
	if err != nil {
		return nil, err
	}
	return out.scalar, nil
}

// RunWithGradients is [EncoderDecoder.Measure] with the gradient of that number with respect to the
// activations that [Gradients] selects, all of them unless told otherwise.
func (e *EncoderDecoder) RunWithGradients(source, target any, metric Metric, options ...Option) (value *Tensor, cache, grads *Cache, err error) {
	out, err := e.measured(source, target, metric, options, verbTranslateWithGradients)
	if err != nil {
		return nil, nil, nil, err
	}
	return out.scalar, out.cache, out.grads, nil
}

// LossWithGradients is [EncoderDecoder.RunWithGradients] of the mean loss.
func (e *EncoderDecoder) LossWithGradients(source, target any, options ...Option) (loss *Tensor, cache, grads *Cache, err error) {
	out, err := e.forward(source, target, options, verbTranslationLossWithGradients)
	if err != nil {
		return nil, nil, nil, err
	}
	return out.loss, out.cache, out.grads, nil
}

// Generate predicts the targets of sources, token by token: [batch][pos], beginning with the token
// that all begin with. The encoder runs once. Edits and observers apply to each step, those of the
// encoder to the first.
func (e *EncoderDecoder) Generate(source any, g Generation, options ...Option) (Tokens, error) {
	start, options, err := e.texts(source, nil, options)
	if err != nil {
		return nil, err
	}
	return e.m.generate(start, g, options, verbTranslating)
}

// GenerateStream is [EncoderDecoder.Generate] step by step, see [Model.GenerateStream].
func (e *EncoderDecoder) GenerateStream(source any, g Generation, options ...Option) iter.Seq2[GenerationStep, error] {
	return func(yield func(GenerationStep, error) bool) {
		start, options, err := e.texts(source, nil, options)
		if err == nil {
			var s *generator
			if s, err = e.m.newGenerator(start, g, options, verbTranslatingStream); err == nil {
				s.steps(yield)
				return
			}
		}
		yield(GenerationStep{}, err)
	}
}

// GenerateText is the target of a source as text.
func (e *EncoderDecoder) GenerateText(source string, g Generation, options ...Option) (string, error) {
	tokens, ended := e.Generate(source, g, options...)
	if tokens == nil {
		return "", ended
	}
	tok, err := e.Tokenizer()
	if err != nil {
		return "", err
	}
	text, err := tok.DecodeSkipSpecial(tokens[0])
	if ended != nil {
		err = ended
	}
	return text, err
}

func (e *EncoderDecoder) forward(source, target any, options []Option, v verb) (*results, error) {
	tokens, options, err := e.texts(source, target, options)
	if err != nil {
		return nil, err
	}
	return e.m.forward(tokens, options, v)
}

func (e *EncoderDecoder) measured(source, target any, metric Metric, options []Option, v verb) (*results, error) {
	tokens, options, err := e.texts(source, target, options)
	if err != nil {
		return nil, err
	}
	return e.m.measured(tokens, metric, options, v)
}

// texts turns source and target into tokens: the target's, and options that say the source's.
func (e *EncoderDecoder) texts(source, target any, options []Option) (Tokens, []Option, error) {
	m := e.model()
	if err := m.check(); err != nil {
		return nil, nil, err
	}
	read, mask, err := textOrTokens(source, "source", e.ToTokens)
	if err != nil {
		return nil, nil, err
	}
	var tokens Tokens
	var targetMask [][]int
	if target == nil {
		for range read {
			tokens = append(tokens, []int{m.cfg.DecoderStart})
		}
	} else if tokens, targetMask, err = textOrTokens(target, "target", e.ToTargets); err != nil {
		return nil, nil, err
	}
	found := func(r *request) error {
		r.source, r.sourceMask, r.targetMask = read, mask, targetMask
		return nil
	}
	return tokens, append([]Option{found}, options...), nil
}

// textOrTokens takes a source or a target in any of its forms.
func textOrTokens(input any, what string, tokensOf func(...string) (Tokens, [][]int, error)) (Tokens, [][]int, error) {
	switch v := input.(type) {
	case string:
		return tokensOf(v)
	case []string:
		return tokensOf(v...)
	case Tokens:
		return v, nil, nil
	case [][]int:
		return v, nil, nil
	case []int:
		return Tokens{v}, nil, nil
	}
	return nil, nil, brief.Errorf("%s of type %s: want a string, []string, hooked.Tokens, [][]int or []int", what, typeOf(input))
}

// ofTwoTexts says of which text the attention mask is: the source's. That of the target is known
// where it was a text.
func ofTwoTexts(r *request) error {
	if r.mask != nil {
		r.sourceMask = r.mask
	}
	r.mask = r.targetMask
	return nil
}

// readSource takes the text that an encoder-decoder's encoder reads, or what the decoder's layers
// have made of that.
func (r *run) readSource() error {
	if r.m.cfg.NEncoderLayers == 0 {
		return nil
	}
	if kept := r.req.sourceKV; kept != nil {
		r.plan.source, r.plan.sourceKept = kept[0].Shape()[1], true
		for i, x := range kept {
			if err := r.in.setTensor(sourceKVName(i/2, "KV"[i%2:i%2+1]), x); err != nil {
				return err
			}
		}
		return r.maskSource()
	}
	source := r.req.source
	if source == nil {
		return brief.Errorf("%s has an encoder and a decoder: run it as an EncoderDecoder", r.m.cfg.called())
	}
	if err := source.check(r.m.cfg); err != nil {
		return brief.Errorf("the source: %w", err)
	}
	if len(source) != r.plan.batch {
		return brief.Errorf("there are %d sources and %d targets: give one for each", len(source), r.plan.batch)
	}
	r.plan.source = len(source[0])
	if err := r.in.set(inputSource, flatten32(source), dtypes.Int32, r.plan.batch, r.plan.source); err != nil {
		return err
	}
	return r.maskSource()
}

// maskSource tells the pads of the source.
func (r *run) maskSource() error {
	mask := r.req.sourceMask
	if mask == nil {
		return nil
	}
	if err := checkMask(mask, r.plan.batch, r.plan.source); err != nil {
		return brief.Errorf("the source: %w", err)
	}
	if allOnes(mask) {
		return nil
	}
	r.plan.sourceMasked = true
	return r.in.set(inputSourceMask, flatten32(mask), dtypes.Int32, r.plan.batch, r.plan.source)
}
