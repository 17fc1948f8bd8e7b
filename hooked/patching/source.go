package patching

import (
	"fmt"
	"slices"
	"strings"

	"gopherlens/hooked"
)

// A Source is what activations are replaced by: those of another run, [FromTokens] or [FromCache],
// their [Mean], [AllZeros], or what was found elsewhere, [Given].
type Source interface {
	// activations are those at the sites, each [batch, pos, ...] as in the base run.
	activations(m *hooked.Model, base *hooked.Cache, sites []hooked.Site, s *settings) (lookup, error)
}

// lookup finds the activation at a site.
type lookup func(hooked.Site) (*hooked.Tensor, error)

// kept computes an activation once, as each batch of a sweep asks for it.
func (f lookup) kept() lookup {
	found := make(map[hooked.Site]*hooked.Tensor)
	return func(s hooked.Site) (t *hooked.Tensor, err error) {
		if found[s] == nil {
			if t, err = f(s); err != nil {
				return nil, err
			}
			found[s] = t
		}
		return found[s], nil
	}
}

// FromTokens replaces activations by those of a run on other tokens, [prompt][pos].
func FromTokens(tokens hooked.Tokens) Source { return fromTokens{tokens} }

// FromCache replaces activations by those that a run has recorded, at the sites of the sweep at
// least.
func FromCache(cache *hooked.Cache) Source { return fromCache{cache} }

type fromCache struct{ cache *hooked.Cache }

func (f fromCache) activations(_ *hooked.Model, base *hooked.Cache, _ []hooked.Site, _ *settings) (lookup, error) {
	if f.cache == nil {
		return nil, fmt.Errorf("FromCache was given nil: look at the error of the run that should have made the cache")
	}
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

type fromTokens struct{ tokens hooked.Tokens }

func (f fromTokens) activations(m *hooked.Model, base *hooked.Cache, sites []hooked.Site, s *settings) (lookup, error) {
	// records more than is needed, in the program of the base run
	cache, err := baseRun(m, f.tokens, sites, s)
	if err != nil {
		return nil, err
	}
	return fromCache{cache}.activations(m, base, nil, s)
}

// runOptions are those of a run that records some sites.
func (s *settings) runOptions(sites []hooked.Site) []hooked.Option {
	return append(s.everyRun(), hooked.Names(sites))
}

// everyRun are the options of every run of a sweep.
func (s *settings) everyRun() []hooked.Option {
	options := slices.Concat([]hooked.Option{hooked.WithContext(s.ctx)}, s.padding, s.edits)
	if s.ungroup {
		options = append(options, hooked.UngroupKV())
	}
	return options
}

// AllZeros replaces activations by zeros.
func AllZeros() Source { return zeros{} }

type zeros struct{}

func (zeros) activations(m *hooked.Model, base *hooked.Cache, _ []hooked.Site, _ *settings) (lookup, error) {
	return func(site hooked.Site) (*hooked.Tensor, error) {
		like, err := base.Lookup(site)
		if err != nil {
			return nil, err
		}
		return zerosLike(m, like)
	}, nil
}

// zerosLike does not scale by 0, which leaves infinite scores of masked keys no numbers.
func zerosLike(m *hooked.Model, t *hooked.Tensor) (*hooked.Tensor, error) {
	return m.NewTensor(hooked.NewArray(t.Shape()...), strings.Join(t.AxisNames(), " "))
}
