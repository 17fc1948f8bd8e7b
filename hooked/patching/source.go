package patching

import (
	"fmt"
	"strings"

	"gopherlens/hooked"
)

// A Source is where replacements come from: [Mean], [AllZeros]. Wherever a function takes a source, it also takes the tokens
// of a run ([hooked.Tokens]) or the cache of one (*[hooked.Cache]).
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
		return fromCache{v}, nil
	case hooked.Tokens:
		return fromRun{v}, nil
	case [][]int:
		return fromRun{v}, nil
	}
	return nil, fmt.Errorf("a source of type %T: want hooked.Tokens, a *hooked.Cache, patching.Mean or patching.AllZeros", source)
}

type fromCache struct{ cache *hooked.Cache }

func (f fromCache) activations(*hooked.Model, *hooked.Cache, []hooked.Site, *settings) (lookup, error) {
	return func(s hooked.Site) (*hooked.Tensor, error) { return f.cache.Lookup(s) }, nil
}

type fromRun struct{ tokens hooked.Tokens }

func (f fromRun) activations(m *hooked.Model, _ *hooked.Cache, sites []hooked.Site, s *settings) (lookup, error) {
	cache, err := baseRun(m, f.tokens, sites, s) // records more than is needed, in the program of the base run
	if err != nil {
		return nil, fmt.Errorf("the source run: %w", err)
	}
	return fromCache{cache}.activations(m, nil, nil, s)
}

func (s *settings) runOptions(sites []hooked.Site) []hooked.Option {
	options := []hooked.Option{hooked.Names(sites)}
	if s.ungroup {
		options = append(options, hooked.UngroupKV())
	}
	return options
}

// Mean replaces activations by their mean over a reference set of prompts, as mean ablation does. The mean is taken along the
// named axes, separated by blanks: "batch" keeps a mean for each position, for which the reference prompts must be as long as
// the base's; "batch pos" has one for all.
func Mean(reference hooked.Tokens, axes string) Source { return mean{reference, strings.Fields(axes)} }

type mean struct {
	tokens hooked.Tokens
	axes   []string
}

func (f mean) activations(m *hooked.Model, base *hooked.Cache, sites []hooked.Site, s *settings) (lookup, error) {
	cache, err := m.Cache(f.tokens, s.runOptions(sites)...)
	if err != nil {
		return nil, fmt.Errorf("the reference run: %w", err)
	}
	return func(site hooked.Site) (t *hooked.Tensor, err error) {
		like, err := base.Lookup(site)
		if err != nil {
			return nil, err
		}
		err = hooked.Try(func() { t = like.Scale(0).Add(cache.Get(site).Mean(f.axes...)) })
		return t, err
	}, nil
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
