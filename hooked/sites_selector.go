package hooked

import (
	"path"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// A Selector says which sites a run records or edits. It is one of
//
//   - a [Site]: AttnZ for every layer, AttnZ.At(-1) for the last;
//   - a string: a full name ("blocks.0.attn.hook_q"), a short one ("resid_post" for every
//     layer, "k6", "resid_pre1", "scale4ln1", see [ActName]), or a glob ("blocks.*.hook_resid_*");
//   - a func(name string) bool, asked for every site that is not optional;
//   - a slice of selectors, strings or sites, with at least one.
//
// A selector that matches nothing is an error that names the nearest hook. A glob meets optional
// sites only if its last element is written out, as in "*.hook_result". All but short names select
// what edits of the run have named with [Tap] too, globs under the same condition.
type Selector any

// selectSites resolves selectors against the model, in the order of the forward pass and without
// duplicates.
func (c Config) selectSites(selectors ...Selector) ([]Site, error) {
	all := c.Sites()
	chosen := make(map[Site]bool)
	for _, sel := range selectors {
		found, err := c.resolve(sel, all)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			chosen[s] = true
		}
	}
	return filterSites(all, func(s Site) bool { return chosen[s] }), nil
}

func (c Config) resolve(sel Selector, all []Site) ([]Site, error) {
	switch v := sel.(type) {
	case Site:
		return c.resolveSite(v, all)
	case string:
		return c.resolveName(v, all)
	case func(string) bool:
		return matched(v, all)
	case []Selector:
		return resolveEach(c, v)
	case []string:
		return resolveEach(c, v)
	case []Site:
		return resolveEach(c, v)
	}
	return nil, brief.Errorf("a selector of type %s: want a hook name, a glob, a Site, func(string) bool, or a slice of these", typeOf(sel))
}

// matched are the sites that a function of the user's chooses.
func matched(choose func(name string) bool, all []Site) (found []Site, err error) {
	if choose == nil {
		return nil, brief.Errorf("a selector is a function that is nil")
	}
	err = Try(func() {
		named("the selector's function", "", func() {
			found = filterSites(all, func(s Site) bool { return !s.Optional() && choose(s.Name()) })
		})
	})
	if err != nil {
		return nil, err
	}
	return atLeastOne(found, "the function matches no hook of this model")
}

func resolveEach[T any](c Config, items []T) ([]Site, error) {
	if len(items) == 0 {
		return nil, brief.Errorf("a selector is a slice of none: it would select nothing")
	}
	selectors := make([]Selector, len(items))
	for i, item := range items {
		selectors[i] = item
	}
	return c.selectSites(selectors...)
}

func (c Config) resolveSite(s Site, all []Site) ([]Site, error) {
	if s.info == nil {
		return nil, errZeroSite
	}
	if s.isTap() {
		return nil, fault.Mark(brief.Errorf("%s is no hook of the model: an edit of the same run has to make it with hooked.Tap", s), ErrUnknownHook)
	}
	if layer, ok := s.Layer(); ok {
		l, err := c.layerAt(s, layer)
		if err != nil {
			return nil, fault.Mark(brief.Errorf("site %s: %w", s, err), ErrUnknownHook)
		}
		s = s.At(l)
	}
	if c.NEncoderLayers > 0 && s.InEncoder() != s && s.InDecoder() != s {
		return nil, fault.Mark(whichStack(s), ErrUnknownHook)
	}
	found := filterSites(all, func(other Site) bool { return other.info == s.info && (!s.one || other == s) })
	return atLeastOne(found, "site %s does not exist in %s", s, c.called())
}

func (c Config) resolveName(name string, all []Site) ([]Site, error) {
	if isGlob(name) {
		return resolveGlob(name, all)
	}
	short, err := parseShort(name, nil)
	if err != nil {
		return nil, err
	}
	s, err := c.findSite(name)
	if err == nil {
		return []Site{s}, nil
	}
	if short.layer != "" { // such as "k5" in a model of two layers
		return nil, err
	}
	inEveryLayer := "blocks.%d." + strings.TrimPrefix(short.part+".hook_"+short.name, ".")
	found := filterSites(all, func(s Site) bool { return s.info.path == inEveryLayer })
	if len(found) == 0 {
		return nil, unknownHook(name, all)
	}
	return found, nil
}

func resolveGlob(glob string, all []Site) ([]Site, error) {
	if _, err := path.Match(glob, ""); err != nil {
		return nil, brief.Errorf("glob %q: %w", glob, err)
	}
	last := glob[strings.LastIndex(glob, ".")+1:]
	withOptional := !isGlob(last)
	found := filterSites(all, func(s Site) bool {
		ok, _ := path.Match(glob, s.Name())
		return ok && (withOptional || !s.Optional())
	})
	if len(found) == 0 {
		return nil, brief.Errorf("glob %q matches no hook: %w", glob, unknownHook(glob, all))
	}
	return found, nil
}

func atLeastOne(found []Site, format string, args ...any) ([]Site, error) {
	if len(found) == 0 {
		return nil, fault.Mark(brief.Errorf(format, args...), ErrUnknownHook)
	}
	return found, nil
}

func filterSites(sites []Site, keep func(Site) bool) []Site {
	var kept []Site
	for _, s := range sites {
		if keep(s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// defaultSites are what RunWithCache records when not told otherwise.
func (c Config) defaultSites() []Site {
	return filterSites(c.Sites(), func(s Site) bool { return !s.Optional() })
}
