package hooked

import (
	"context"
	"maps"
	"slices"

	"github.com/gomlx/compute"

	"gopherlens/internal/brief"
	"gopherlens/tokenize"
)

// WithWeights is m with other values of some weights: a checkpoint's, or a head's weights edited.
// The names and shapes are those of [Model.StateDict], and weights that are not given are m's, in
// the same memory. The values are copied; m stays as it is.
//
// They are taken as they are: what m's processing did to its own weights (see [Model.Applied]) is
// not done to these. Give a model that was loaded with [NoProcessing] raw weights, and one with
// folded norms weights that were folded too.
//
// The two models share their compiled programs, as weights are inputs of these. Only a bias that
// m's family does not have, and that is not zero here, makes another graph.
func (m *Model) WithWeights(weights StateDict) (*Model, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	given := weights.canonical()
	if len(given) == 0 {
		return nil, brief.Errorf("WithWeights: no weight is given")
	}
	if err := given.checkGiven(m.weights.specs); err != nil {
		return nil, brief.Errorf("WithWeights: %w%s", err, m.foldedHint())
	}
	shapes := maps.Clone(m.weights.shapes)
	for name, a := range given {
		if shapes[name] == nil && !slices.ContainsFunc(a.Data, func(v float32) bool { return v != 0 }) {
			delete(given, name) // a bias of zeros, which the family does without
			continue
		}
		shapes[name] = deviceShape(name, a.Shape)
		given[name] = toDevice(name, a)
	}
	out := *m
	out.adapted = nil
	record := modelRecord{Config: m.cfg, Applied: m.applied, Skipped: m.skipped, Shapes: shapes}
	out.id = record.graphID()
	out.weights = newWeightStore(m.eng, m.cfg, m.weights.specs, shapes)
	out.weights.load = func(ctx context.Context, put putFunc) error {
		buffers, err := m.weights.all(ctx)
		if err != nil {
			return err
		}
		for name, a := range given {
			if err := put(name, a); err != nil {
				return err
			}
		}
		for name, buffer := range buffers {
			if given[name] == nil {
				out.weights.buffers[name] = buffer
			}
		}
		given = nil
		return nil
	}
	return noteModel(&out), nil
}

// foldedHint says why norms' weights may be unknown.
func (m *Model) foldedHint() string {
	if m.applied&FoldLN == 0 {
		return ""
	}
	return " (the norms of this model were folded into the weights that read them: load it with NoProcessing to give it raw weights)"
}

// all are the buffers of all weights.
func (s *weightStore) all(ctx context.Context) (map[string]compute.Buffer, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.buffers), nil
}

// WithTokenizer is m with another tokenizer: one of a toy model, such as [tokenize.FromWords], or
// that of a file of its own ([tokenize.Load]). It has no more tokens than m reads. Whether texts
// get a BOS is the configuration's DefaultPrependBOS still.
func (m *Model) WithTokenizer(tok *tokenize.Tokenizer) (*Model, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if tok == nil {
		return nil, brief.Errorf("WithTokenizer(nil): make one with tokenize.Load or tokenize.FromWords")
	}
	if n := tok.VocabSize(); n > m.cfg.DVocab {
		return nil, brief.Errorf("WithTokenizer: the tokenizer has %d tokens, the model reads %d", n, m.cfg.DVocab)
	}
	out := *m
	out.tok, out.givenTok, out.texts = func() (*tokenize.Tokenizer, error) { return tok, nil }, tok, nil
	return noteModel(&out), nil
}
