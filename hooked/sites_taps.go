package hooked

import (
	"errors"
	"path"
	"slices"
	"strings"
	"sync"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// A tap is a site of the user's own: a value that an edit has computed and named with [Tap]. Which
// there are is known when the edits were traced, so a selector's say in taps is kept as a
// [tapSelector] until then.

// tapInfos are the taps that were ever named, so that equal sites compare equal.
var tapInfos = struct {
	sync.Mutex
	known map[tapKey]*siteInfo
}{known: make(map[tapKey]*siteInfo)}

type tapKey struct {
	of   *siteInfo
	name string
}

// Tap is the site that an edit of s makes with [Tap]: ResidPre.At(5).Tap("hook_sae_acts_post") is
// "blocks.5.hook_resid_pre.hook_sae_acts_post", ResidPre.Tap("hook_sae_acts_post") that of every
// layer. It selects like any other site, in runs whose edits make it.
func (s Site) Tap(name string) Site {
	if s.info == nil {
		return s
	}
	tapInfos.Lock()
	defer tapInfos.Unlock()
	key := tapKey{s.info, name}
	info := tapInfos.known[key]
	if info == nil {
		info = &siteInfo{path: s.info.path + "." + name, present: s.info.present, traits: s.info.traits&(afterAll|inSource) | inFloat32, of: s.info, name: name}
		tapInfos.known[key] = info
	}
	return Site{info: info, layer: s.layer, one: s.one}
}

// isTap reports whether s is made by an edit.
func (s Site) isTap() bool { return s.info != nil && s.info.of != nil }

// root is the model's own site that a tap hangs on.
func (s Site) root() Site {
	for s.isTap() {
		s.info = s.info.of
	}
	return s
}

// tapNamed is the tap with this full name: a site's, and after dots those of one tap or of taps
// made at taps.
func (c Config) tapNamed(name string) (tap Site, ok bool) {
	for _, s := range c.Sites() {
		if rest, ok := strings.CutPrefix(name, s.Name()+"."); ok {
			for part := range strings.SplitSeq(rest, ".") {
				s = s.Tap(part)
			}
			return s, true
		}
	}
	return Site{}, false
}

// tapUse is what a selector asks of the taps that it matches.
type tapUse int

const (
	recordTap tapUse = iota
	gradTap
	editTap
)

// A tapSelector is what a selector says of taps.
type tapSelector struct {
	use    tapUse
	option string                 // whose it is
	exact  []Site                 // the taps that it names
	choose func(name string) bool // in place of exact: a glob, or a function of the user's
	// what is wrong with it unless a tap comes up; nil if it selects sites too
	unless error
	met    bool
}

// matches reports whether the selector means a tap that has come up, and notes it.
func (t *tapSelector) matches(s Site) bool {
	ok := slices.Contains(t.exact, s) || t.choose != nil && t.choose(s.Name())
	t.met = t.met || ok
	return ok
}

// tapSelector is what a selector, which is no slice, says of taps; nil if it means none. A glob
// means taps only if its last element is written out, as with sites that are optional.
func (c Config) tapSelector(sel Selector) (*tapSelector, error) {
	switch v := sel.(type) {
	case Site:
		if !v.isTap() {
			return nil, nil
		}
		exact, err := c.everyTap(v)
		return &tapSelector{exact: exact}, err
	case string:
		if !isGlob(v) {
			tap, ok := c.tapNamed(v)
			if !ok {
				return nil, nil
			}
			return &tapSelector{exact: []Site{tap}}, nil
		}
		if isGlob(v[strings.LastIndex(v, ".")+1:]) {
			return nil, nil
		}
		return &tapSelector{choose: func(name string) bool { ok, _ := path.Match(v, name); return ok }}, nil
	case func(string) bool:
		return &tapSelector{choose: func(name string) (ok bool) {
			named("the selector's function", "", func() { ok = v(name) })
			return ok
		}}, nil
	}
	return nil, nil
}

// everyTap are the taps that a site variable stands for: one, or that of every layer.
func (c Config) everyTap(tap Site) ([]Site, error) {
	roots, err := c.resolveSite(tap.root(), c.Sites())
	if err != nil {
		return nil, err
	}
	taps := make([]Site, len(roots))
	for i, root := range roots {
		taps[i] = Site{info: tap.info, layer: root.layer, one: true}
	}
	return taps, nil
}

func isGlob(name string) bool { return strings.ContainsAny(name, "*?[") }

// leaves are selectors with those that are slices taken apart, unless they are empty.
func leaves(selectors []Selector) (out []Selector) {
	for _, sel := range selectors {
		switch v := sel.(type) {
		case []Selector:
			out = append(out, partsOf(sel, leaves(v))...)
		case []string:
			out = append(out, partsOf(sel, v)...)
		case []Site:
			out = append(out, partsOf(sel, v)...)
		default:
			out = append(out, sel)
		}
	}
	return out
}

// partsOf are the parts of a slice, or the slice where there are none, for [Config.resolve] to
// refuse.
func partsOf[T any](sel Selector, parts []T) []Selector {
	if len(parts) == 0 {
		return []Selector{sel}
	}
	out := make([]Selector, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out
}

// A tapBook is what a run asks of taps, and those that came up while its edits were traced.
type tapBook struct {
	asked    []*tapSelector
	all      bool // every tap is recorded
	allGrads bool // the gradient at every recorded tap is a result
	met      []Site
}

// chosen are the sites that an option's selectors mean. What they say of taps goes into the book.
func (r *run) chosen(option string, use tapUse, selectors ...Selector) ([]Site, []*tapSelector, error) {
	c := r.m.cfg
	var taps []*tapSelector
	all, picked := c.Sites(), make(map[Site]bool)
	for _, sel := range leaves(selectors) {
		found, err := c.resolve(sel, all)
		var tap *tapSelector
		var tapErr error
		if len(r.req.edits) > 0 || err != nil { // only edits make taps, and else only a site that is none may be meant for one
			tap, tapErr = c.tapSelector(sel)
		}
		if len(r.req.edits) > 0 && tap != nil && tapErr == nil && (err == nil || errors.Is(err, ErrUnknownHook)) {
			tap.use, tap.option, tap.unless = use, option, err
			if err := r.meets(option, tap.exact); err != nil {
				return nil, nil, err
			}
			taps = append(taps, tap)
			err = nil
		}
		if err := errors.Join(tapErr, err); err != nil && (tap == nil || tap.unless == nil) {
			return nil, nil, err
		}
		for _, s := range found {
			picked[s] = true
		}
	}
	r.plan.taps.asked = append(r.plan.taps.asked, taps...)
	return filterSites(all, func(s Site) bool { return picked[s] }), taps, nil
}

// wants reports whether some selector asks a use of a tap.
func (t *tapBook) wants(use tapUse, s Site) bool {
	wanted := false
	for _, sel := range t.asked {
		if sel.use == use && sel.matches(s) {
			wanted = true
		}
	}
	return wanted
}

// records reports whether a tap is recorded.
func (t *tapBook) records(s Site) bool {
	wanted := t.wants(recordTap, s)
	return wanted || t.all
}

// differentiates reports whether the gradient at a tap is a result.
func (t *tapBook) differentiates(s Site) bool {
	wanted := t.wants(gradTap, s)
	return wanted || t.allGrads && t.records(s)
}

// gradients reports whether a gradient at a tap may be asked for.
func (t *tapBook) gradients() bool {
	return t.allGrads || slices.ContainsFunc(t.asked, func(sel *tapSelector) bool { return sel.use == gradTap })
}

// note keeps a tap that has come up.
func (t *tapBook) note(s Site) {
	if !slices.Contains(t.met, s) {
		t.met = append(t.met, s)
	}
}

// check refuses selectors of taps that did not come up.
func (t *tapBook) check() error {
	for _, sel := range t.asked {
		if sel.unless == nil || sel.met {
			continue
		}
		if len(t.met) == 0 {
			return fault.Mark(brief.Errorf("%s: %w (and no edit of this run makes a tap)", sel.option, sel.unless), ErrUnknownHook)
		}
		return fault.Mark(brief.Errorf("%s: %w; the taps of this run's edits are %s", sel.option, sel.unless, brief.Names(namesOf(t.met))), ErrUnknownHook)
	}
	return nil
}

func namesOf(sites []Site) []string {
	names := make([]string, len(sites))
	for i, s := range sites {
		names[i] = s.Name()
	}
	return names
}

// withTaps puts the taps among some sites that the run came to, each after the site that it hangs
// on.
func (r *run) withTaps(sites []Site, taps []Site) []Site {
	if len(taps) == 0 {
		return sites
	}
	var out []Site
	for _, s := range r.m.cfg.Sites() {
		if slices.Contains(sites, s) {
			out = append(out, s)
		}
		out = append(out, filterSites(taps, func(tap Site) bool { return tap.root() == s })...)
	}
	return out
}
