package fit

import (
	"context"
	"iter"
	"slices"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/brief"
)

// A Source gives activations for ever, in an order of its own. [FromStore], [FromModel] and
// [FromArrays] make one.
type Source struct {
	in    activations.Site
	out   *activations.Site // of a transcoder; nil where it gives back what it reads
	model string
	err   error

	// batches are those of so many activations, from the one of this number on
	batches func(ctx context.Context, size, from int) iter.Seq2[pairs, error]
}

// pairs are activations and what is to become of them, [n, d_in] and [n, d_out]; without a site of
// its own target is nil.
type pairs struct{ x, target []float32 }

// describe fills in what a dictionary's configuration has of the source.
func (s *Source) describe(c *dictionary.Config) {
	c.Hook, c.HookOut, c.Model = s.in.Name, s.in.Name, s.model
	c.DIn, c.DOut = s.in.Width(), s.in.Width()
	c.FlattenHeads = slices.Contains(s.in.Axes, "head")
	if s.out != nil {
		c.HookOut, c.DOut = s.out.Name, s.out.Width()
	}
}

// check reports a source of which nothing can be read.
func (s *Source) check() error {
	switch {
	case s == nil:
		return brief.Errorf("the source is nil: make one with FromStore, FromModel or FromArrays")
	case s.err != nil:
		return s.err
	case s.batches == nil:
		return brief.Errorf("the source is fit.Source{}: make one with FromStore, FromModel or FromArrays")
	}
	return nil
}

// finite refuses a batch with a number that is none.
func (p pairs) finite() error {
	for _, all := range [][]float32{p.x, p.target} {
		if i := slices.IndexFunc(all, func(v float32) bool { return !(v-v == 0) }); i >= 0 {
			return brief.Errorf("an activation holds %v: the activations must be finite", all[i])
		}
	}
	return nil
}

// StoreOptions refine [FromStore].
type StoreOptions struct {
	// Target is the site that a transcoder gives; nil for dictionaries that give back what they
	// read.
	Target hooked.Selector
	// Exclude are tokens whose activations are left out. Nil stands for the token that all rows of
	// the store begin with, their BOS; an empty slice leaves none out.
	Exclude []int
	Seed    uint64 // of the order
}

// FromStore reads the activations of a site from a store, in another random order in each epoch.
func FromStore(store *activations.Store, at hooked.Selector, options ...StoreOptions) *Source {
	var o StoreOptions
	if len(options) > 0 {
		o = options[0]
	}
	s, err := fromStore(store, at, o)
	switch {
	case len(options) > 1:
		err = brief.Errorf("FromStore takes one StoreOptions, %d are given", len(options))
	case err != nil:
		err = brief.Errorf("FromStore: %w", err)
	}
	if err != nil {
		return &Source{err: err}
	}
	return s
}

func fromStore(store *activations.Store, at hooked.Selector, o StoreOptions) (*Source, error) {
	about, err := store.About()
	if err != nil {
		return nil, err
	}
	s := &Source{model: about.Model.ModelName}
	one, err := store.Statistics(at)
	if err != nil {
		return nil, err
	}
	s.in = one.Site
	if o.Target != nil {
		other, err := store.Statistics(o.Target)
		if err != nil {
			return nil, err
		}
		s.out = &other.Site
	}
	if o.Exclude == nil {
		if o.Exclude, err = beginnings(store); err != nil {
			return nil, err
		}
	}
	s.batches = func(ctx context.Context, size, from int) iter.Seq2[pairs, error] {
		return func(yield func(pairs, error) bool) {
			r := activations.Reading{Size: size, Shuffle: true, Seed: o.Seed, Epochs: -1, From: from, DropLast: true, Exclude: o.Exclude}
			for b, err := range store.Batches(at, r) {
				if err != nil {
					yield(pairs{}, err)
					return
				}
				p := pairs{x: b.Values}
				if o.Target != nil {
					p.target, err = b.At(o.Target)
				}
				if !yield(p, err) || err != nil {
					return
				}
			}
		}
	}
	return s, nil
}

// beginnings are the token that all rows of a store begin with; none if they differ.
func beginnings(store *activations.Store) ([]int, error) {
	first := -1
	for i := range store.Rows() {
		row, err := store.Row(i)
		if err != nil {
			return nil, err
		}
		if i > 0 && row[0] != first {
			return []int{}, nil
		}
		first = row[0]
	}
	return []int{first}, nil
}

// FromArrays are activations in memory, [n, d_in], for a dictionary at this site, read in another
// random order in each epoch. target is what a transcoder is to give, [n, d_out], at the site
// targetName; nil and "" for dictionaries that give back what they read.
func FromArrays(name string, x *hooked.Array, targetName string, target *hooked.Array, seed uint64) *Source {
	s := &Source{}
	n := 0
	for _, a := range []struct {
		name  string
		array *hooked.Array
	}{{name, x}, {targetName, target}} {
		if a.array == nil && a.name == "" && n > 0 {
			continue
		}
		if a.array == nil || a.name == "" || len(a.array.Shape) != 2 || len(a.array.Data) != a.array.Shape[0]*a.array.Shape[1] || len(a.array.Data) == 0 ||
			n > 0 && a.array.Shape[0] != n {
			return &Source{err: brief.Errorf("FromArrays: want the name of a site with its activations [n, d], as many of both: %q has none such", a.name)}
		}
		site := activations.Site{Name: a.name, Axes: []string{"d"}, Shape: []int{a.array.Shape[1]}}
		if n == 0 {
			s.in = site
		} else {
			s.out = &site
		}
		n = a.array.Shape[0]
	}
	s.batches = func(_ context.Context, size, from int) iter.Seq2[pairs, error] {
		return func(yield func(pairs, error) bool) {
			if size > n {
				yield(pairs{}, brief.Errorf("a batch of %d of %d activations: want fewer", size, n))
				return
			}
			for b := from; ; b++ {
				at := inEpoch(b, size, n, seed)
				p := pairs{x: picked(x.Data, at, s.in.Width())}
				if target != nil {
					p.target = picked(target.Data, at, s.out.Width())
				}
				if !yield(p, nil) {
					return
				}
			}
		}
	}
	return s
}
