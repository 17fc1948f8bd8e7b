package hooked

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
)

// Generation says how a text is continued. The zero value makes ten tokens, each the likeliest.
type Generation struct {
	MaxNewTokens int // 0 for 10, as in TransformerLens
	Sampling

	// StopTokens end a prompt's continuation; nil for the tokenizer's end-of-text token, an empty slice for none. What
	// follows one in its row are pads: the stop token itself if there is one, else the end-of-text token.
	StopTokens []int
}

// A GenerationStep is one new token of each prompt.
type GenerationStep struct {
	Tokens []int  // of each prompt; pads where it has ended
	Cache  *Cache // the activations that [Names] selects, at the positions read in this step: first the prompts, then one
}

// Generate continues an input in any of the forms of [Model.Run] and returns prompts and continuations, [batch][pos].
// Texts of unequal length are padded on the left. All options of a run apply to each step: edits, observers, [Names],
// and with [WithKV] the input continues what the cache holds, which stays as it is. Edits see the whole prompt in the
// first step and one position in each of the others.
//
// The run keeps keys and values, so that a step computes one position; steps share their compiled programs.
func (m *Model) Generate(input any, g Generation, options ...Option) (Tokens, error) {
	s, err := m.newGenerator(input, g, options)
	if err != nil {
		return nil, err
	}
	for _, err := range s.steps {
		if err != nil {
			return nil, err
		}
	}
	return s.tokens, nil
}

// GenerateStream is [Model.Generate] step by step, as tokens come. An error ends the steps.
func (m *Model) GenerateStream(input any, g Generation, options ...Option) iter.Seq2[GenerationStep, error] {
	return func(yield func(GenerationStep, error) bool) {
		s, err := m.newGenerator(input, g, options)
		if err != nil {
			yield(GenerationStep{}, err)
			return
		}
		s.steps(yield)
	}
}

// GenerateText continues a text and returns it with its continuation, without BOS and end-of-text tokens.
func (m *Model) GenerateText(prompt string, g Generation, options ...Option) (string, error) {
	tokens, err := m.Generate(prompt, g, options...)
	if err != nil {
		return "", err
	}
	tok, err := m.Tokenizer()
	if err != nil {
		return "", err
	}
	return tok.DecodeSkipSpecial(tokens[0])
}

// generator is a generation under way.
type generator struct {
	m       *Model
	g       Generation
	options []Option
	input   any
	kv      *KVCache
	tokens  Tokens       // prompts and what was made so far
	random  []*rand.Rand // of each prompt
	done    []bool
	stop    []int
	pad     int

	job    *job            // of the steps after the first, which differ in their inputs only
	stages []compiledStage // theirs
}

// steps makes one token of each prompt after the other.
func (s *generator) steps(yield func(GenerationStep, error) bool) {
	for i := range s.g.MaxNewTokens {
		out, err := s.run(i)
		if err != nil {
			yield(GenerationStep{}, fmt.Errorf("token %d: %w", i, err))
			return
		}
		next, err := s.choose(out)
		if err != nil {
			yield(GenerationStep{}, fmt.Errorf("token %d: %w", i, err))
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

// newGenerator checks everything that can be checked before the first step.
func (m *Model) newGenerator(input any, g Generation, options []Option) (*generator, error) {
	if g.MaxNewTokens == 0 {
		g.MaxNewTokens = 10
	}
	if g.MaxNewTokens < 0 {
		return nil, fmt.Errorf("MaxNewTokens is %d", g.MaxNewTokens)
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	s := &generator{m: m, g: g, options: options}
	var r request
	if err := Hooks(options...)(&r); err != nil {
		return nil, err
	}
	if err := s.read(input, r); err != nil {
		return nil, err
	}
	s.setStops()
	return s, s.reserve(r.kv)
}

// read turns the input into tokens of one length.
func (s *generator) read(input any, r request) error {
	if texts, ok := input.([]string); ok && r.mask == nil {
		r.padding = Left
		s.options = append(slices.Clone(s.options), PaddingSide(Left))
		input = texts
	}
	tokens, err := s.m.tokensOf(input, r)
	if err != nil {
		return err
	}
	if err := tokens.check(s.m.cfg); err != nil {
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

// reserve makes a key-value cache with room for the whole generation, so that the same programs serve all steps.
func (s *generator) reserve(from *KVCache) error {
	s.kv = s.m.NewKVCache(len(s.tokens))
	if from != nil {
		s.kv = from.Clone()
		s.kv.Unfreeze()
	}
	n := s.kv.Len() + len(s.tokens[0]) + s.g.MaxNewTokens - 1 // the last token is never read
	if n > s.m.cfg.longest() {
		return fmt.Errorf("%d positions and %d new tokens: the model's context is %d", s.kv.Len()+len(s.tokens[0]), s.g.MaxNewTokens, s.m.cfg.NCtx)
	}
	return s.kv.reserve(n)
}

// run computes step i: the prompts first, then the tokens made last.
func (s *generator) run(i int) (*results, error) {
	if i < 2 {
		if err := s.prepare(i); err != nil {
			return nil, err
		}
	} else if err := s.job.proceed(s.last()); err != nil {
		return nil, err
	}
	before := s.kv.values
	out, err := s.job.execute(s.stages)
	if err != nil || i == 0 { // the first step's input may be shared with the caller's cache
		return out, err
	}
	return out, finalize(before)
}

// prepare finds the programs of the first step, or of all others.
func (s *generator) prepare(i int) (err error) {
	more := []Option{WithKV(s.kv), LogitsAt(-1)}
	input := s.input
	if i > 0 {
		more = append(more, continues)
		input = s.last()
	}
	p := plan{logits: true, greedy: s.g.Temperature == 0, repeated: i > 0}
	if s.job, err = s.m.begin(s.options, p, more...); err != nil {
		return err
	}
	if err = s.job.prepare(input); err != nil {
		return err
	}
	s.stages, err = s.job.compile()
	return err
}

// continues takes back what the options say of the prompts' padding: the cache knows it.
func continues(r *request) error {
	r.mask, r.padding = nil, Right
	return nil
}

// proceed gives a job the next tokens to read on top of its key-value cache.
func (j *job) proceed(tokens Tokens) error {
	for _, step := range []func() error{func() error { return j.read(tokens) }, j.checkKV, j.setMask, j.setKV} {
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
		if s.done[i] {
			next[i] = s.pad
		}
		s.done[i] = s.done[i] || slices.Contains(s.stop, next[i])
	}
	return next, nil
}

// greedy reads the likeliest token of each prompt.
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
		probs, err := s.g.Probabilities(values[i*vocab:(i+1)*vocab], row)
		if err != nil {
			return nil, err
		}
		next[i] = drawFrom(probs, s.random[i])
	}
	return next, nil
}
