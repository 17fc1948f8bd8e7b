package examples

import (
	"context"
	"fmt"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/underway"
)

// Find runs a model over contexts and keeps of each feature of the measures the examples that the
// configuration asks for. A number that is NaN is an error.
func Find(ctx context.Context, m *hooked.Model, contexts corpus.Contexts, c Config, measures ...Measure) (*Found, error) {
	found, err := find(ctx, m, contexts, c, measures)
	if err != nil {
		return nil, fmt.Errorf("examples: %w", err)
	}
	return found, nil
}

func find(ctx context.Context, m *hooked.Model, contexts corpus.Contexts, c Config, measures []Measure) (*Found, error) {
	switch {
	case m == nil:
		return nil, fmt.Errorf("the model is nil")
	case contexts == nil:
		return nil, fmt.Errorf("there are no contexts to read")
	}
	return pass(ctx, contexts, c, measures, &modelRuns{m, c.Edits})
}

// pass reads contexts once.
func pass(ctx context.Context, contexts corpus.Contexts, c Config, measures []Measure, from source) (*Found, error) {
	switch {
	case ctx == nil:
		return nil, fmt.Errorf("the context is nil")
	case len(measures) == 0:
		return nil, fmt.Errorf("there is nothing to measure: want Neurons, Directions or another Measure")
	}
	c, err := c.settled(contexts)
	if err != nil {
		return nil, err
	}
	s := &search{ctx: ctx, source: from, config: c, length: contexts.Length(), next: c.Rows.From}
	for _, measure := range measures {
		site, err := measure.site(from.model())
		if err != nil {
			return nil, err
		}
		s.gauges = append(s.gauges, &gauge{Measure: measure, site: site})
	}
	if err := s.read(contexts); err != nil {
		return nil, err
	}
	return s.found(contexts.Key())
}

// A search is one pass over contexts.
type search struct {
	ctx    context.Context
	source source
	config Config
	length int
	gauges []*gauge

	next     int     // row
	rows     [][]int // of the batch that is being filled
	reported time.Time
	step     *underway.Step
}

// A source has the activations of contexts.
type source interface {
	model() hooked.Config
	// activations gives those of rows, the first of which is this one of all, as a function of the
	// site, which is one of these.
	activations(ctx context.Context, first int, rows hooked.Tokens, sites []hooked.Site) (func(hooked.Site) (*hooked.Tensor, error), error)
	newTensor(values any, axes string) (*hooked.Tensor, error)
}

// modelRuns are activations that a model computes.
type modelRuns struct {
	m     *hooked.Model
	edits []hooked.Option
}

func (r *modelRuns) model() hooked.Config { return r.m.Config() }

func (r *modelRuns) newTensor(values any, axes string) (*hooked.Tensor, error) {
	return r.m.NewTensor(values, axes)
}

func (r *modelRuns) activations(ctx context.Context, _ int, rows hooked.Tokens, sites []hooked.Site) (func(hooked.Site) (*hooked.Tensor, error), error) {
	options := append([]hooked.Option{hooked.Names(sites), hooked.WithContext(ctx)}, r.edits...)
	cache, err := r.m.Cache(rows, options...)
	if err != nil {
		return nil, err
	}
	return func(at hooked.Site) (*hooked.Tensor, error) { return cache.Lookup(at) }, nil
}

// read takes the rows in batches.
func (s *search) read(contexts corpus.Contexts) error {
	s.step = underway.Begin("finding examples")
	defer s.step.End()
	for row, err := range contexts.From(s.config.Rows.From) {
		if err != nil {
			return err
		}
		if len(row) != s.length {
			return brief.Errorf("row %d of the contexts has %d tokens, want %d", s.next+len(s.rows), len(row), s.length)
		}
		s.rows = append(s.rows, row)
		to := s.config.Rows.To
		if last := to != 0 && s.next+len(s.rows) == to; last || len(s.rows) == s.config.Batch {
			if err := s.measure(); err != nil || last {
				return err
			}
		}
	}
	if len(s.rows) > 0 {
		if err := s.measure(); err != nil {
			return err
		}
	}
	switch to := s.config.Rows.To; {
	case to != 0 && s.next < to:
		return brief.Errorf("Config.Rows ends at %d, and the contexts end at %d", to, s.next)
	case s.next == s.config.Rows.From:
		return brief.Errorf("there is no context from row %d on", s.next)
	}
	return nil
}

// measure looks at the activations of the batch and empties it.
func (s *search) measure() error {
	if err := s.ctx.Err(); err != nil {
		return fault.Ended(s.ctx, "after %d contexts", s.next-s.config.Rows.From)
	}
	batch := hooked.Tokens(s.rows)
	for len(batch) < s.config.Batch { // one shape, one program
		batch = append(batch, s.rows[len(s.rows)-1])
	}
	sites := make([]hooked.Site, len(s.gauges))
	for i, g := range s.gauges {
		sites[i] = g.site
	}
	at, err := s.source.activations(s.ctx, s.next, batch, sites)
	if err != nil {
		return err
	}
	for _, g := range s.gauges {
		x, err := at(g.site)
		if err == nil {
			err = g.take(x, s)
		}
		if err != nil {
			return fmt.Errorf("%s at %s: %w", g.what, g.site, err)
		}
	}
	s.next += len(s.rows)
	s.rows = nil
	s.step.Sayf("%d contexts", s.next-s.config.Rows.From)
	if s.config.Progress != nil && time.Since(s.reported) >= progressEvery {
		s.reported = time.Now()
		s.config.Progress(s.next - s.config.Rows.From)
	}
	return nil
}

// found are the lists as they stand.
func (s *search) found(key string) (*Found, error) {
	f := &Found{Contexts: key, Length: s.length, Rows: []hooked.Range{{From: s.config.Rows.From, To: s.next}}, config: s.config.kept()}
	taken := make(map[string]bool)
	for _, g := range s.gauges {
		for i, l := range g.lists {
			if taken[g.names[i]] {
				return nil, brief.Errorf("two features are called %q: measure it once, or name one otherwise with Of", g.names[i])
			}
			taken[g.names[i]] = true
			f.Features = append(f.Features, l.feature(g.names[i], f.config))
		}
	}
	if s.config.Progress != nil {
		s.config.Progress(s.next - s.config.Rows.From)
	}
	return f, nil
}
