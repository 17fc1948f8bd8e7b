package hooked

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/fault"
	"gopherlens/internal/underway"
)

// Generation says how a text is continued. The zero value makes ten tokens, each the likeliest.
type Generation struct {
	MaxNewTokens int // 0 for 10, as in TransformerLens
	Sampling

	// StopTokens end a prompt's continuation; nil for the tokenizer's end-of-text token, an empty
	// slice for none. What follows one in its row are pads: the stop token itself if there is one,
	// else the end-of-text token.
	StopTokens []int
}

func (g Generation) check(c Config) error {
	if g.MaxNewTokens < 0 {
		return fmt.Errorf("MaxNewTokens is %d", g.MaxNewTokens)
	}
	for _, id := range g.StopTokens {
		if id < 0 || id >= c.DVocabOut {
			return fmt.Errorf("StopTokens holds %d, the model predicts tokens 0 to %d", id, c.DVocabOut-1)
		}
	}
	if err := g.Sampling.check(); err != nil {
		return err
	}
	return g.contradicts()
}

// contradicts refuses settings of the sampling that others put out of force.
// [Sampling.Probabilities] takes them as TransformerLens' sample_logits does.
func (s Sampling) contradicts() error {
	switch {
	case s.Temperature == 0 && (s.TopK > 0 || s.TopP > 0 || s.FreqPenalty != 0):
		return fmt.Errorf("TopK %d, TopP %v and FreqPenalty %v mean nothing at Temperature 0, which takes the likeliest token: Temperature 1 draws "+
			"as the model says", s.TopK, s.TopP, s.FreqPenalty)
	case s.TopK > 0 && s.TopP > 0:
		return fmt.Errorf("TopP %v would do nothing beside TopK %d: leave one out", s.TopP, s.TopK)
	}
	return nil
}

// A GenerationStep is one new token of each prompt.
type GenerationStep struct {
	Tokens []int // of each prompt; pads where it has ended
	// the activations that [Names] selects, at the positions read in this step: first the prompts,
	// then one
	Cache *Cache
}

// Generate continues an input in any of the forms of [Model.Run] and returns prompts and
// continuations, [batch][pos]. Texts of unequal length are padded on the left. Edits and observers
// apply to each step: they see the whole prompt in the first one and one position in each of the
// others. Positions that ready edits pick ([Pos]) count in the whole text, so that an edit of the
// prompt acts in the first step and lasts, and Pos(-1) is the newest token of each. With [WithKV]
// the input continues what the cache holds, which stays as it is.
//
// Prompts end where their rows do: tokens padded on the right are refused, those that an
// [AttentionMask] calls so, and without a mask rows of several tokens that end in the pad token. A
// mask of ones says that these are meant.
//
// The run keeps keys and values, so that a step computes one position; steps share their compiled
// programs. When its [WithContext] ends, it returns what it has made so far beside the error.
func (m *Model) Generate(input any, g Generation, options ...Option) (Tokens, error) {
	return m.generate(input, g, options, verbGenerate)
}

// generate returns what it has made when its context ends, beside the error.
func (m *Model) generate(input any, g Generation, options []Option, v verb) (Tokens, error) {
	s, err := m.newGenerator(input, g, options, v)
	if err != nil {
		return nil, err
	}
	step, done, first := underway.Begin("generating"), 0, time.Time{}
	defer step.End()
	for _, err := range s.steps {
		if done++; done == 1 { // it took the prompts, and the compiler
			first = time.Now()
		} else {
			step.Sayf("%d of %d tokens, %.1f a second", done, s.g.MaxNewTokens, float64(done-1)/time.Since(first).Seconds())
		}
		if err != nil && s.ctx.Err() != nil {
			return s.tokens, err
		}
		if err != nil {
			return nil, err
		}
	}
	return s.tokens, nil
}

// GenerateStream is [Model.Generate] step by step, as tokens come, with the activations that
// [Names] selects. An error ends the steps, and so does the end of its [WithContext]: what was
// given before stays good.
func (m *Model) GenerateStream(input any, g Generation, options ...Option) iter.Seq2[GenerationStep, error] {
	return func(yield func(GenerationStep, error) bool) {
		s, err := m.newGenerator(input, g, options, verbGenerateStream)
		if err != nil {
			yield(GenerationStep{}, err)
			return
		}
		s.steps(yield)
	}
}

// GenerateText continues a text and returns it with its continuation, without BOS and end-of-text
// tokens; when its [WithContext] ends, as far as it has come, beside the error.
func (m *Model) GenerateText(prompt string, g Generation, options ...Option) (string, error) {
	tokens, ended := m.generate(prompt, g, options, verbGenerateText)
	if tokens == nil {
		return "", ended
	}
	tok, err := m.Tokenizer()
	if err != nil {
		return "", err
	}
	text, err := tok.DecodeSkipSpecial(tokens[0])
	return text, cmp.Or(ended, err)
}

// generator is a generation under way.
type generator struct {
	m       *Model
	g       Generation
	verb    string
	ctx     context.Context
	options []Option
	input   any
	kv      *KVCache
	source  []*Tensor    // keys and values of an encoder-decoder's source, once the first step has computed them
	tokens  Tokens       // prompts and what was made so far
	random  []*rand.Rand // of each prompt
	done    []bool
	stop    []int
	pad     int
	end     int // positions that the model reads in all

	padding Side // that texts got; Right where they are tokens already

	// computes the steps of generation after the first, which differ in their inputs only
	again    *run
	programs []step // its steps
}

// steps makes one token of each prompt after the other.
func (s *generator) steps(yield func(GenerationStep, error) bool) {
	for i := range s.g.MaxNewTokens {
		out, next, err := s.make(i)
		if err != nil {
			yield(GenerationStep{}, err)
			return
		}
		for row, id := range next {
			s.tokens[row] = append(s.tokens[row], id)
		}
		step := GenerationStep{Tokens: next}
		if out.cache.Len() > 0 {
			step.Cache = out.cache
		}
		if !yield(step, nil) || !slices.Contains(s.done, false) {
			return
		}
	}
}

// make makes token i of each prompt.
func (s *generator) make(i int) (out *results, next []int, err error) {
	defer guard(&err)
	if err = s.ended(i); err == nil {
		out, err = s.run(i)
	}
	if err == nil {
		next, err = s.choose(out)
	}
	if ended := s.ended(i); err != nil && ended != nil {
		return nil, nil, ended
	}
	if err != nil {
		return nil, nil, fmt.Errorf("token %d: %w", i, err)
	}
	return out, next, nil
}

// ended is the error of a generation whose context has ended, after so many tokens.
func (s *generator) ended(done int) error {
	return fault.Ended(s.ctx, "%s was ended by its context (WithContext) after %d of %d tokens", s.verb, done, s.g.MaxNewTokens)
}

// newGenerator checks everything that can be checked before the first step.
func (m *Model) newGenerator(input any, g Generation, options []Option, v verb) (s *generator, err error) {
	defer guard(&err)
	if err := m.check(); err != nil {
		return nil, err
	}
	if g.MaxNewTokens == 0 {
		g.MaxNewTokens = 10
	}
	if err := g.check(m.cfg); err != nil {
		return nil, err
	}
	s = &generator{m: m, g: g, options: options}
	var r request
	if err := v.begin(&r, options); err != nil {
		return nil, err
	}
	s.verb, s.ctx = r.verb, r.context()
	if err := s.read(input, r); err != nil {
		return nil, err
	}
	s.setStops()
	return s, s.reserve(r.kv)
}

// read turns the input into tokens of one length.
func (s *generator) read(input any, r request) error {
	if err := r.checkInput(input); err != nil {
		return err
	}
	_, ofTexts := input.([]string)
	if ofTexts && r.mask == nil {
		if r.has("PaddingSide") && r.padding != Left {
			return fmt.Errorf("PaddingSide(hooked.Right): %w", errPaddedRight)
		}
		r.padding, s.padding = Left, Left
	}
	tokens, err := s.m.tokensOf(input, r)
	if err != nil {
		return err
	}
	if err := tokens.check(s.m.cfg); err != nil {
		return err
	}
	if err := s.m.checkEnds(input, tokens, r); err != nil {
		return err
	}
	s.input = tokens
	for i, row := range tokens {
		s.tokens = append(s.tokens, slices.Clone(row))
		s.random = append(s.random, s.g.source(i))
	}
	s.done = make([]bool, len(tokens))
	return nil
}

// errPaddedRight is why tokens padded on the right are not continued.
var errPaddedRight = fmt.Errorf("a prompt is continued where its row ends, so pads stand on its left: ToTokens(texts, PaddingSide(hooked.Left))")

// checkEnds refuses prompts whose rows end in pads.
func (m *Model) checkEnds(input any, tokens Tokens, r request) error {
	for i, row := range r.mask {
		if n := len(row) - 1 - lastOne(row); n > 0 {
			return fmt.Errorf("the attention mask says that prompt %d ends in %d pads: %w", i, n, errPaddedRight)
		}
	}
	switch input.(type) {
	case string, []string:
		return nil
	}
	for i, row := range tokens {
		if n := m.padsAfter(row); n > 0 && r.mask == nil && r.padding != Left {
			return fmt.Errorf("the last %d of the %d tokens of prompt %d are the pad token: %w; if they are meant, say so by an AttentionMask of ones",
				n, len(row), i, errPaddedRight)
		}
	}
	return nil
}

// setStops finds the stop tokens and the pad that follows them, as TransformerLens does.
func (s *generator) setStops() {
	s.stop = s.g.StopTokens
	eos, ok := s.m.eosToken()
	if s.stop == nil && ok {
		s.stop = []int{eos}
	}
	switch {
	case len(s.stop) == 1 || !ok && len(s.stop) > 0:
		s.pad = s.stop[0]
	default:
		s.pad = eos
	}
}

func (m *Model) eosToken() (int, bool) {
	if tok, err := m.Tokenizer(); err == nil {
		return tok.EOS()
	}
	return 0, false
}

// reserve makes a key-value cache with room for the whole generation, so that the same programs
// serve all steps.
func (s *generator) reserve(from *KVCache) error {
	s.kv = s.m.NewKVCache(len(s.tokens))
	if from != nil {
		release, err := from.take()
		if err != nil {
			return err
		}
		s.kv = from.Clone()
		release()
		s.kv.Unfreeze()
	}
	before := s.kv.Len() + len(s.tokens[0])
	if s.g.MaxNewTokens-1 > s.m.cfg.longest()-before { // the last token is never read
		return fault.Mark(fmt.Errorf("%d positions and %d new tokens: the model's context is %d",
			before, s.g.MaxNewTokens, s.m.cfg.NCtx), ErrOutOfContext)
	}
	s.end = before + s.g.MaxNewTokens - 1
	return s.kv.reserve(s.end)
}

// run computes step i: the prompts first, then the tokens made last.
func (s *generator) run(i int) (*results, error) {
	if i < 2 {
		if err := s.prepare(i); err != nil {
			return nil, err
		}
	} else if err := s.again.proceed(s.last()); err != nil {
		return nil, err
	}
	before := s.kv.values
	out, err := s.again.execute(s.programs)
	if i == 0 && err == nil {
		s.source = out.sourceKV
	}
	if err != nil || i == 0 { // the first step's input may be shared with the caller's cache
		return out, err
	}
	return out, finalize(before)
}

// prepare finds the programs of the first step, or of all others.
func (s *generator) prepare(i int) (err error) {
	v, input := verbStep, s.input
	v.plan = plan{scope: scope{logits: true, greedy: s.g.Temperature == 0, keepsSource: i == 0 && s.m.cfg.NEncoderLayers > 0}, repeated: i > 0}
	v.also = []Option{s.step}
	if i > 0 {
		v.also, input = append(v.also, continues), s.last()
	}
	if s.again, err = s.m.begin(s.options, v); err != nil {
		return err
	}
	if err = s.again.prepare(input); err != nil {
		return err
	}
	s.programs, err = s.again.steps()
	return err
}

// step says what the generation asks of each step. The options were checked against the input that
// they came with, which may have been texts.
func (s *generator) step(r *request) error {
	r.given = nil
	r.kv, r.logitsAt, r.textEnd = s.kv, []int{-1}, s.end
	if s.m.cfg.NEncoderLayers > 0 {
		r.sourceKV = s.source
		if err := ofTwoTexts(r); err != nil {
			return err
		}
	}
	if s.padding == Left {
		r.padding = Left
	}
	return nil
}

// continues takes back what the options say of the prompts' padding: the cache knows it.
func continues(r *request) error {
	r.mask, r.padding, r.continued = nil, Right, true
	return nil
}

// proceed gives a run the next tokens to read on top of its key-value cache.
func (r *run) proceed(tokens Tokens) error {
	for _, step := range []func() error{func() error { return r.read(tokens) }, r.checkKV, r.setMask, r.setKV} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// finalize frees device memory at once, which Go's garbage collector does not see.
func finalize(values []*tensors.Tensor) error {
	for _, t := range values {
		if err := t.FinalizeAll(); err != nil {
			return err
		}
	}
	return nil
}

// last are the tokens made last, [batch][1].
func (s *generator) last() Tokens {
	out := make(Tokens, len(s.tokens))
	for i, row := range s.tokens {
		out[i] = row[len(row)-1:]
	}
	return out
}

// choose takes or draws the next token of each prompt.
func (s *generator) choose(out *results) ([]int, error) {
	pick := s.draw
	if out.greedy != nil {
		pick = greedy
	}
	next, err := pick(out)
	if err != nil {
		return nil, err
	}
	for i := range next {
		switch {
		case s.done[i]:
			next[i] = s.pad
		case next[i] < 0:
			return nil, fmt.Errorf("prompt %d: %w", i, errNoDistribution)
		}
		s.done[i] = s.done[i] || slices.Contains(s.stop, next[i])
	}
	return next, nil
}

// greedy reads the likeliest token of each prompt, -1 where its logits have none.
func greedy(out *results) ([]int, error) {
	ids, err := tensors.CopyFlatData[int32](out.greedy.value)
	if err != nil {
		return nil, err
	}
	next := make([]int, len(ids))
	for i, id := range ids {
		next[i] = int(id)
	}
	return next, nil
}

// draw samples from the logits [batch, 1, d_vocab].
func (s *generator) draw(out *results) ([]int, error) {
	values := out.logits.Float32s()
	vocab := len(values) / len(s.tokens)
	next := make([]int, len(s.tokens))
	for i, row := range s.tokens {
		if s.done[i] {
			continue
		}
		probs, err := s.g.Probabilities(values[i*vocab:(i+1)*vocab], row)
		if err != nil {
			return nil, fmt.Errorf("prompt %d: %w", i, err)
		}
		next[i] = drawFrom(probs, s.random[i])
	}
	return next, nil
}
