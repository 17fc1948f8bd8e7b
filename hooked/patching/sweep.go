package patching

import (
	"fmt"
	"slices"
	"strings"

	"gopherlens/hooked"
)

// Sweep replaces, one after the other, parts of the activations of a kind in a run on the base
// tokens by what they are in the source, and measures each time.
//
//	patching.Sweep{
//		Kind:   patching.HeadOutAllPos,
//		Base:   corrupted,
//		Source: patching.FromTokens(clean),
//		Metric: hooked.LogitDiff(answers),
//	}.Run(model)
//
// is TransformerLens' get_act_patch_attn_head_out_all_pos. All fields are needed. Prompts of source
// and base must be as many and as long. Pads on the left are told by [PaddingSide] or
// [AttentionMask]; a prompt so padded gives what it gives alone, and at its pads what the base
// gives.
type Sweep struct {
	Kind                 // what is patched: a ready one such as [ResidPre], or a site and axes
	Base   hooked.Tokens // the run in which activations are replaced, [prompt][pos]
	Source Source        // what they are replaced by
	Metric hooked.Metric // what is measured of each patched run, the mean over prompts
}

// Run computes the sweep. The grid's numbers are the metric's, in its own units;
// [Grid.Normalized] makes them fractions.
func (s Sweep) Run(m *hooked.Model, options ...Option) (*Grid, error) {
	return s.in(replacing, m, options)
}

// way is how the numbers of a grid come about.
type way struct {
	verb string // for errors
	// options that mean nothing to it
	ignores []string
	// whether it may be computed on other machines
	elsewhere bool
	grid      func(s Sweep, m *hooked.Model, set *settings) (*Grid, error) // of one site
}

var replacing = way{verb: "patching", elsewhere: true, grid: Sweep.replaced}

// in computes the grid of the sweep's kind, or those of its parts and stacks them.
func (s Sweep) in(w way, m *hooked.Model, options []Option) (*Grid, error) {
	set, err := newSettings(options, w)
	if err != nil {
		return nil, fmt.Errorf("patching: %w", err)
	}
	if err := s.check(m); err != nil {
		return nil, fmt.Errorf("patching: %w", err)
	}
	if s.parts == nil {
		return s.named(w, m, set)
	}
	labels, grids := make([]string, len(s.parts)), make([]*Grid, len(s.parts))
	for i, p := range s.parts {
		labels[i], s.Kind = p.label, p.kind
		if grids[i], err = s.named(w, m, set); err != nil {
			return nil, err
		}
	}
	return stack("site", labels, grids), nil
}

// named is the grid of one site, whose errors name it.
func (s Sweep) named(w way, m *hooked.Model, set *settings) (*Grid, error) {
	grid, err := w.grid(s, m, set)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", w.verb, s.Site, err)
	}
	return grid, nil
}

// check refuses a sweep of which something was left out.
func (s Sweep) check(m *hooked.Model) error {
	if err := checkModel(m); err != nil {
		return err
	}
	hasSite, hasOver := s.Site != hooked.Site{}, strings.TrimSpace(s.Over) != ""
	if s.parts != nil && (hasSite || hasOver) {
		return fmt.Errorf("the kind is several in one grid, whose sites and axes are fixed: leave its Site and Over alone")
	}
	several := s.parts != nil
	return checkFields("Sweep", append([]field{
		{"Kind", hasSite || hasOver || several, "a ready one such as patching.ResidPre, or a site and axes"},
		{"Kind.Site", hasSite || several, "the site to patch, such as hooked.AttnZ"},
		{"Kind.Over", hasOver || several, `the axes to run over, such as "layer head"; "layer" alone replaces whole activations`},
	}, runFields(s.Base, s.Source, s.Metric)...))
}

// replaced computes every patched run of one site.
func (s Sweep) replaced(m *hooked.Model, set *settings) (*Grid, error) {
	var job Job
	if set.on != nil {
		var err error
		if job, err = s.job(set); err != nil {
			return nil, err
		}
	}
	r, err := s.runner(m, set)
	if err != nil {
		return nil, err
	}
	r.pass, r.alone = r.replace, r.replaceAlone
	if r.job = job; set.on != nil && job.Metric == nil {
		r.job.Looks = r.results.positions
	}
	return r.grid()
}

// runner prepares the runs of one site.
func (s Sweep) runner(m *hooked.Model, set *settings) (*runner, error) {
	r := &runner{m: m, s: set, tokens: s.Base, metric: s.Metric}
	var err error
	if r.base, err = baseRun(m, s.Base, sitesToRecord(m, s.Site), set); err != nil {
		return nil, fmt.Errorf("the base run: %w", err)
	}
	sites, err := layersIn(r.base, m, s.Site)
	if err != nil {
		return nil, err
	}
	source, err := s.Source.activations(m, r.base, sites, set)
	if err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	r.source = source.kept()
	example, err := r.base.Lookup(sites[0])
	if err != nil {
		return nil, err
	}
	if r.sp, err = newSpace(s.Site, s.Over, layerNumbers(sites), example); err != nil {
		return nil, err
	}
	r.results, err = newResults(m, s.Metric, r.base, s.Base, set)
	return r, err
}

// sitesToRecord are those that a run for a sweep must record: one for each layer, or the one that
// is named. A site that the model does not have may be a tap, which the run comes to.
func sitesToRecord(m *hooked.Model, site hooked.Site) []hooked.Site {
	if found := layersOf(m, site, m.Config().Sites()); len(found) > 0 {
		return found
	}
	return []hooked.Site{site}
}

// layersIn are the sites of a sweep, those that its base run has come to.
func layersIn(base *hooked.Cache, m *hooked.Model, site hooked.Site) ([]hooked.Site, error) {
	found := layersOf(m, site, base.Sites())
	if len(found) == 0 {
		return nil, fmt.Errorf("the model's layers have no such site")
	}
	return found, nil
}

// layersOf are those of some sites that a sweep's site stands for.
func layersOf(m *hooked.Model, site hooked.Site, among []hooked.Site) (found []hooked.Site) {
	wanted, one := site.Layer()
	if one && wanted < 0 {
		wanted += m.Config().NLayers
	}
	for _, s := range among {
		if l, inLayer := s.Layer(); inLayer && site.At(l) == s && (!one || l == wanted) {
			found = append(found, s)
		}
	}
	return found
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
