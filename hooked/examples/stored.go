package examples

import (
	"context"
	"fmt"
	"iter"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/internal/brief"
)

// FindStored is [Find] with activations that were harvested, and without a model: it finds what
// Find finds in the contexts that the store was made of, up to the precision of what it keeps. The
// measures are of sites that the store holds. Config.Edits are refused, as nothing runs.
func FindStored(ctx context.Context, store *activations.Store, c Config, measures ...Measure) (*Found, error) {
	found, err := findStored(ctx, store, c, measures)
	if err != nil {
		return nil, fmt.Errorf("examples: %w", err)
	}
	return found, nil
}

func findStored(ctx context.Context, store *activations.Store, c Config, measures []Measure) (*Found, error) {
	about, err := store.About()
	switch {
	case err != nil:
		return nil, err
	case len(c.Edits) > 0:
		return nil, brief.Errorf("Config.Edits would do nothing: activations are read from a store, and no model runs")
	}
	return pass(ctx, storedRows{store, about}, c, measures, storedRows{store, about})
}

// storedRows are the contexts of a store, and its activations.
type storedRows struct {
	store *activations.Store
	about activations.About
}

// Length implements corpus.Contexts.
func (s storedRows) Length() int { return s.about.Context }

// Key implements corpus.Contexts.
func (s storedRows) Key() string { return s.about.Corpus }

// From implements corpus.Contexts.
func (s storedRows) From(row int) iter.Seq2[[]int, error] {
	return func(yield func([]int, error) bool) {
		for ; row < s.store.Rows(); row++ {
			ids, err := s.store.Row(row)
			if !yield(ids, err) || err != nil {
				return
			}
		}
	}
}

func (s storedRows) model() hooked.Config { return s.about.Model }

func (s storedRows) newTensor(values any, axes string) (*hooked.Tensor, error) {
	return hooked.NewTensor(values, axes)
}

// activations gives those of rows from the first on; rows beyond the store's last are that one
// again, as they are of a batch that is filled up.
func (s storedRows) activations(_ context.Context, first int, rows hooked.Tokens, _ []hooked.Site) (func(hooked.Site) (*hooked.Tensor, error), error) {
	return func(at hooked.Site) (*hooked.Tensor, error) {
		read, err := s.store.ReadRows(at, first, min(first+len(rows), s.store.Rows()))
		if err != nil {
			return nil, err
		}
		width := read.Site.Width() * s.about.Context
		for len(read.Values) < len(rows)*width {
			read.Values = append(read.Values, read.Values[len(read.Values)-width:]...)
		}
		shape := append([]int{len(rows), s.about.Context}, read.Site.Shape...)
		axes := "batch pos"
		for _, axis := range read.Site.Axes {
			axes += " " + axis
		}
		return hooked.NewTensor(&hooked.Array{Shape: shape, Data: read.Values}, axes)
	}, nil
}
