package patching

import (
	"fmt"
	"slices"

	"gopherlens/hooked"
)

// A Source is where replacements come from: [Mean], [AllZeros]. Wherever a function takes a source,
// it also takes the tokens of a run ([hooked.Tokens]) or the cache of one (*[hooked.Cache]).
type Source interface {
	// activations are those at the sites, each [batch, pos, ...] as in the base run.
	activations(m *hooked.Model, base *hooked.Cache, sites []hooked.Site, s *settings) (lookup, error)
}

// lookup finds the activation at a site.
type lookup func(hooked.Site) (*hooked.Tensor, error)

// asSource understands a source in all its forms.
func asSource(source any) (Source, error) {
	switch v := source.(type) {
	case Source:
		return v, nil
	case *hooked.Cache:
		if v == nil {
			return nil, fmt.Errorf("the source is a nil *hooked.Cache")
		}
		return fromCache{v}, nil
	case hooked.Tokens:
		return fromRun{v}, nil
	case [][]int:
		return fromRun{v}, nil
	}
	return nil, fmt.Errorf("a source of type %T: want hooked.Tokens, a *hooked.Cache, patching.Mean or patching.AllZeros", source)
}

type fromCache struct{ cache *hooked.Cache }

func (f fromCache) activations(_ *hooked.Model, base *hooked.Cache, _ []hooked.Site, _ *settings) (lookup, error) {
	if err := samePads(base.Mask(), f.cache.Mask()); err != nil {
		return nil, err
	}
	return func(s hooked.Site) (*hooked.Tensor, error) { return f.cache.Lookup(s) }, nil
}

// samePads refuses a source whose pads stand elsewhere than the base's: what is real in one would
// be replaced by a pad.
func samePads(base, source [][]int) error {
	for i := range max(len(base), len(source)) {
		if a, b := padsOf(base, i), padsOf(source, i); !slices.Equal(a, b) {
			return fmt.Errorf("prompt %d has pads at %s in the base run and at %s in the source: prompts must be as long", i, list(a), list(b))
		}
	}
	return nil
}

// padsOf are the positions of prompt i that a mask calls pads.
func padsOf(mask [][]int, i int) (at []int) {
	if i < len(mask) {
		for p, v := range mask[i] {
			if v == 0 {
				at = append(at, p)
			}
		}
	}
	return at
}

// list shows some positions.
func list(at []int) string {
	switch {
	case len(at) == 0:
		return "none"
	case len(at) > 8:
		return fmt.Sprintf("%d positions", len(at))
	}
	return fmt.Sprint(at)
}

type fromRun struct{ tokens hooked.Tokens }

func (f fromRun) activations(m *hooked.Model, base *hooked.Cache, sites []hooked.Site, s *settings) (lookup, error) {
	cache, err := baseRun(m, f.tokens, sites, s) // records more than is needed, in the program of the base run
	if err != nil {
		return nil, fmt.Errorf("the source run: %w", err)
	}
	return fromCache{cache}.activations(m, base, nil, s)
}

func (s *settings) runOptions(sites []hooked.Site) []hooked.Option {
	options := append([]hooked.Option{hooked.Names(sites), hooked.WithContext(s.ctx)}, s.padding...)
	if s.ungroup {
		options = append(options, hooked.UngroupKV())
	}
	return options
}

// AllZeros replaces activations by zeros.
func AllZeros() Source { return zeros{} }

type zeros struct{}

func (zeros) activations(_ *hooked.Model, base *hooked.Cache, _ []hooked.Site, _ *settings) (lookup, error) {
	return func(site hooked.Site) (t *hooked.Tensor, err error) {
		like, err := base.Lookup(site)
		if err != nil {
			return nil, err
		}
		err = hooked.Try(func() { t = like.Scale(0) })
		return t, err
	}, nil
}
