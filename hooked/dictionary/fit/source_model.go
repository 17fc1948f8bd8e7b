package fit

import (
	"context"
	"iter"
	"slices"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
)

// ModelOptions refine [FromModel].
type ModelOptions struct {
	// Target is the site that a transcoder gives; nil for dictionaries that give back what they
	// read.
	Target hooked.Selector
	// Exclude are tokens whose activations are left out. Nil stands for the BOS of the model's
	// tokenizer; an empty slice leaves none out.
	Exclude []int

	// Buffer is how many rows of tokens are in memory at once: their activations are given in
	// random order. Some 32,000 tokens unless given.
	Buffer int
	Rows   int    // how many rows the model computes together; some thousand tokens unless given
	Seed   uint64 // of the order
}

// FromModel runs a model over rows of tokens and gives the activations of a site: those of a buffer
// of rows in random order, then of the next rows, and again from the first row on. What makes no
// whole batch at a buffer's end is left out. Nothing is kept; where several trainings read the same
// activations, [activations.Harvest] and [FromStore] compute them once.
func FromModel(m *hooked.Model, contexts corpus.Contexts, at hooked.Selector, options ...ModelOptions) *Source {
	b := &buffered{m: m, contexts: contexts}
	if len(options) > 0 {
		b.o = options[0]
	}
	s, err := b.source(at)
	if len(options) > 1 {
		err = brief.Errorf("it takes one ModelOptions, %d are given", len(options))
	}
	if err != nil {
		return &Source{err: brief.Errorf("FromModel: %w", err)}
	}
	return s
}

// buffered reads activations by running a model.
type buffered struct {
	m        *hooked.Model
	contexts corpus.Contexts
	o        ModelOptions
	sites    []activations.Site // what is read, and what is given if that is another
}

const (
	bufferTokens = 32768
	runTokens    = 1024
)

func (b *buffered) source(at hooked.Selector) (*Source, error) {
	switch {
	case b.m == nil:
		return nil, brief.Errorf("the model is nil: look at the error of the call that should have made it")
	case b.contexts == nil:
		return nil, brief.Errorf("there are no contexts: give rows of tokens, such as corpus.ForModel makes")
	case b.o.Buffer < 0 || b.o.Rows < 0:
		return nil, brief.Errorf("ModelOptions.Buffer is %d and Rows %d: want numbers of rows", b.o.Buffer, b.o.Rows)
	}
	length := b.contexts.Length()
	if b.o.Buffer == 0 {
		b.o.Buffer = max(1, bufferTokens/length)
	}
	if b.o.Rows == 0 {
		b.o.Rows = max(1, runTokens/length)
	}
	if b.o.Exclude == nil {
		tok, err := b.m.Tokenizer()
		if err != nil {
			return nil, brief.Errorf("which token is the BOS, whose activations are left out? Give ModelOptions.Exclude: %w", err)
		}
		if id, ok := tok.BOS(); ok {
			b.o.Exclude = []int{id}
		}
	}
	s := &Source{model: b.m.Config().ModelName, batches: b.batches}
	for i, selector := range []hooked.Selector{at, b.o.Target} {
		if i > 0 && selector == nil {
			continue
		}
		found, err := activations.SitesOf(b.m, selector)
		if err != nil {
			return nil, err
		}
		if len(found) != 1 {
			return nil, brief.Errorf("%v means %d sites: want one", selector, len(found))
		}
		b.sites = append(b.sites, found[0])
	}
	s.in = b.sites[0]
	if len(b.sites) > 1 {
		s.out = &b.sites[1]
	}
	return s, nil
}

// batches computes buffer after buffer. Those before the first batch that is asked for are only
// counted, by their tokens.
func (b *buffered) batches(ctx context.Context, size, from int) iter.Seq2[pairs, error] {
	return func(yield func(pairs, error) bool) {
		skip := from
		for epoch := 0; ; epoch++ {
			given, number := 0, 0
			for rows, err := range b.buffers() {
				if err != nil {
					yield(pairs{}, err)
					return
				}
				n := b.included(rows)
				batches, seed := n/size, b.o.Seed+uint64(epoch)<<32+uint64(number)
				given, number = given+batches, number+1
				if skip >= batches {
					skip -= batches
					continue
				}
				all, err := b.activations(ctx, rows, n)
				for ; skip < batches; skip++ {
					if err != nil || !yield(b.pairs(all, inEpoch(skip, size, n, seed)), nil) {
						break
					}
				}
				if err != nil {
					yield(pairs{}, err)
				}
				if skip < batches {
					return
				}
				skip = 0
			}
			if given == 0 {
				yield(pairs{}, brief.Errorf("no buffer of %d rows has the %d activations of a batch: want more rows in it (ModelOptions.Buffer)", b.o.Buffer, size))
				return
			}
		}
	}
}

// pairs are some of the activations of a buffer.
func (b *buffered) pairs(all [][]float32, at []int) pairs {
	p := pairs{x: picked(all[0], at, b.sites[0].Width())}
	if len(all) > 1 {
		p.target = picked(all[1], at, b.sites[1].Width())
	}
	return p
}

// buffers are the rows of the contexts, so many together.
func (b *buffered) buffers() iter.Seq2[[][]int, error] {
	return func(yield func([][]int, error) bool) {
		var rows [][]int
		for row, err := range b.contexts.From(0) {
			if err != nil {
				yield(nil, brief.Errorf("the rows of tokens: %w", err))
				return
			}
			if rows = append(rows, row); len(rows) == b.o.Buffer {
				if !yield(rows, nil) {
					return
				}
				rows = nil
			}
		}
		if len(rows) > 0 {
			yield(rows, nil)
		}
	}
}

// included counts the tokens that are not left out.
func (b *buffered) included(rows [][]int) (n int) {
	for _, row := range rows {
		for _, id := range row {
			if !slices.Contains(b.o.Exclude, id) {
				n++
			}
		}
	}
	return n
}

// activations are those of n tokens of the rows at each site, one after the other.
func (b *buffered) activations(ctx context.Context, rows [][]int, n int) ([][]float32, error) {
	names := make([]string, len(b.sites))
	all := make([][]float32, len(b.sites))
	for i, s := range b.sites {
		names[i] = s.Name
		all[i] = make([]float32, 0, n*s.Width())
	}
	for part := range slices.Chunk(rows, b.o.Rows) {
		cache, err := b.m.Cache(hooked.Tokens(part), hooked.Names(names), hooked.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		for i, s := range b.sites {
			t, err := cache.Lookup(s.Name)
			if err != nil {
				return nil, err
			}
			var values []float32
			if err := hooked.Try(func() { values = t.Float32s() }); err != nil {
				return nil, err
			}
			all[i] = b.appendIncluded(all[i], part, values, s.Width())
		}
	}
	return all, nil
}

// appendIncluded adds the activations of the tokens that are not left out.
func (b *buffered) appendIncluded(all []float32, rows [][]int, values []float32, width int) []float32 {
	at := 0
	for _, row := range rows {
		for _, id := range row {
			if !slices.Contains(b.o.Exclude, id) {
				all = append(all, values[at:at+width]...)
			}
			at += width
		}
	}
	return all
}
