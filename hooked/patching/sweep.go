package patching

import (
	"fmt"
	"slices"

	"gopherlens/hooked"
)

// Sweep replaces, one after the other, parts of the activation at a site in a run on the base
// tokens by what they are in the source, and measures each time. What it runs over are axes,
// separated by blanks, which become the grid's: "layer" and the activation's own, such as "pos" and
// "head" ("dest" and "src" are the query and key of a pattern). An axis that is not named is
// replaced as a whole.
//
//	patching.Sweep(model, hooked.AttnZ, "layer head", corrupted, clean, hooked.LogitDiff(answers))
//
// is TransformerLens' get_act_patch_attn_head_out_all_pos. The site may be one layer's, site.At(l).
// Source is the tokens of another run ([hooked.Tokens]), its cache (*[hooked.Cache]), [Mean] or
// [AllZeros]; prompts of source and base must be as many and as long. Pads on the left are told by
// [PaddingSide] or [AttentionMask]; a prompt so padded gives what it gives alone, and at its pads
// what the base gives. The numbers are the metric's mean over prompts, in its own units;
// [Grid.Normalized] makes them fractions.
func Sweep(m *hooked.Model, site hooked.Site, over string, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	s, err := newSettings(options)
	if err != nil {
		return nil, err
	}
	r, err := newRunner(m, site, over, base, source, metric, s)
	if err != nil {
		return nil, fmt.Errorf("patching %s: %w", site, err)
	}
	r.pass = r.replace
	numbers, err := r.run()
	if err != nil {
		return nil, fmt.Errorf("patching %s: %w", site, err)
	}
	return &Grid{axes: r.sp.names, labels: r.sp.labels(m, base), data: numbers}, nil
}

func newRunner(m *hooked.Model, site hooked.Site, over string, base hooked.Tokens, source any, metric hooked.Metric, s *settings) (*runner, error) {
	from, err := asSource(source)
	if err != nil {
		return nil, err
	}
	sites, err := layersOf(m, site)
	if err != nil {
		return nil, err
	}
	r := &runner{m: m, s: s, tokens: base}
	if r.base, err = baseRun(m, base, sites, s); err != nil {
		return nil, fmt.Errorf("the base run: %w", err)
	}
	if r.source, err = from.activations(m, r.base, sites, s); err != nil {
		return nil, err
	}
	example, err := r.base.Lookup(sites[0])
	if err != nil {
		return nil, err
	}
	if r.sp, err = newSpace(site, over, layerNumbers(sites), example); err != nil {
		return nil, err
	}
	r.patches = r.sp.patches()
	r.results, err = newResults(m, metric, r.base, base, s)
	return r, err
}

// layersOf are the sites of a sweep: one for each layer, or the one that is named.
func layersOf(m *hooked.Model, site hooked.Site) ([]hooked.Site, error) {
	c := m.Config()
	wanted, one := site.Layer()
	if one && wanted < 0 {
		wanted += c.NLayers
	}
	var found []hooked.Site
	for _, s := range c.Sites() {
		if l, inLayer := s.Layer(); inLayer && site.At(l) == s && (!one || l == wanted) {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("the model's layers have no such site")
	}
	return found, nil
}

func layerNumbers(sites []hooked.Site) []int {
	layers := make([]int, len(sites))
	for i, s := range sites {
		layers[i], _ = s.Layer()
	}
	return layers
}

// baseSites are recorded in every run for a sweep, those of them that the model has. They are what
// most sweeps are about, and small; so the next sweep, over another of them, finds the run's
// program compiled.
var baseSites = []hooked.Site{hooked.ResidPre, hooked.AttnQ, hooked.AttnK, hooked.AttnV, hooked.AttnZ, hooked.AttnOut,
	hooked.ResidMid, hooked.MLPOut}

// baseRun records what branches of a run need, and the activations to be replaced.
func baseRun(m *hooked.Model, tokens hooked.Tokens, sites []hooked.Site, s *settings) (*hooked.Cache, error) {
	if err := checkTokens(tokens); err != nil {
		return nil, err
	}
	c := m.Config()
	all := slices.Concat([]hooked.Site{hooked.ResidPost.At(-1)}, inside.Sites(m), sites)
	for _, s := range c.Sites() {
		if l, inLayer := s.Layer(); inLayer && slices.ContainsFunc(baseSites, func(b hooked.Site) bool { return b.At(l) == s }) {
			all = append(all, s)
		}
	}
	return m.Cache(tokens, s.runOptions(all)...)
}
