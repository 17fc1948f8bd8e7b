package patching

import (
	"fmt"

	"gopherlens/hooked"
)

// BaseRun is a run that records some sites, in the program in which [FromTokens] runs its own tokens:
// where the two have the same tokens, they have the same activations to the bit.
func BaseRun(m *hooked.Model, tokens hooked.Tokens, sites []hooked.Site, options ...Option) (*hooked.Cache, error) {
	set, err := newSettings(options, way{verb: "BaseRun", ignores: []string{"OnProgress", "BatchTokens"}})
	if err != nil {
		return nil, fmt.Errorf("patching: %w", err)
	}
	if err := checkModel(m); err != nil {
		return nil, err
	}
	base, err := baseRun(m, tokens, sites, set)
	if err != nil {
		return nil, fmt.Errorf("the base run: %w", err)
	}
	return base, nil
}

// Replacements are what a source has at some sites in place of the activations of a [BaseRun] of the
// same sites, each of the same shape: for packages that patch in ways of their own. Of the options it takes those
// about pads, contexts and edits.
func Replacements(m *hooked.Model, source Source, base *hooked.Cache, sites []hooked.Site, options ...Option) (func(hooked.Site) (*hooked.Tensor, error), error) {
	set, err := newSettings(options, way{verb: "Replacements", ignores: []string{"OnProgress", "BatchTokens"}})
	if err != nil {
		return nil, fmt.Errorf("patching: %w", err)
	}
	if source == nil || base == nil {
		return nil, fmt.Errorf("patching: Replacements: the source or the base run is nil")
	}
	if err := checkModel(m); err != nil {
		return nil, err
	}
	find, err := source.activations(m, base, sites, set)
	if err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	return find, nil
}
