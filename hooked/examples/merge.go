package examples

import (
	"cmp"
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// Merge joins what was found in different rows of the same contexts, with the same measures and the
// same [Config]: the result is what one pass over all of the rows finds, in whatever order and
// groups the parts are joined. That the measures' functions and models are the same is taken on
// trust: labels are compared.
func Merge(parts ...*Found) (*Found, error) {
	if len(parts) == 0 {
		return nil, brief.Errorf("examples: there is nothing to merge")
	}
	for i, p := range parts {
		if p == nil {
			return nil, brief.Errorf("examples: part %d is nil", i)
		}
		if err := parts[0].compatible(p); err != nil {
			return nil, brief.Errorf("examples: part %d cannot be merged with part 0: %w", i, err)
		}
	}
	out := &Found{Contexts: parts[0].Contexts, Length: parts[0].Length, config: parts[0].config}
	for _, p := range parts {
		out.Rows = append(out.Rows, p.Rows...)
	}
	var err error
	if out.Rows, err = joined(out.Rows); err != nil {
		return nil, err
	}
	for i, f := range parts[0].Features {
		all := newLists(out.config)
		for _, p := range parts {
			all.join(p.Features[i])
		}
		out.Features = append(out.Features, all.feature(f.Label, out.config))
	}
	return out, nil
}

// compatible refuses what another search has found.
func (f *Found) compatible(g *Found) error {
	label := func(f Feature) string { return f.Label }
	switch {
	case f.Contexts != g.Contexts:
		return brief.Errorf("its contexts are others (%q, not %q)", g.Contexts, f.Contexts)
	case f.config.differs(g.config):
		return brief.Errorf("it was found with another Config")
	case !slices.EqualFunc(f.Features, g.Features, func(a, b Feature) bool { return label(a) == label(b) }):
		return brief.Errorf("it has other features")
	}
	return nil
}

// differs reports whether another configuration keeps other examples.
func (c Config) differs(d Config) bool {
	c, d = c.kept(), d.kept()
	return c.Top != d.Top || c.Bottom != d.Bottom || c.Quantiles != d.Quantiles || c.PerQuantile != d.PerQuantile ||
		c.Floor != d.Floor || c.AllValues != d.AllValues || c.Seed != d.Seed || c.Around != d.Around || c.Skip != d.Skip || c.Histogram != d.Histogram
}

// joined are ranges in order, those that touch made one.
func joined(ranges []hooked.Range) ([]hooked.Range, error) {
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b hooked.Range) int { return cmp.Compare(a.From, b.From) })
	var out []hooked.Range
	for _, r := range ranges {
		switch last := len(out) - 1; {
		case last >= 0 && r.From < out[last].To:
			return nil, brief.Errorf("examples: rows %d to %d are in two parts, and would count twice", r.From, min(r.To, out[last].To))
		case last >= 0 && r.From == out[last].To:
			out[last].To = r.To
		default:
			out = append(out, r)
		}
	}
	return out, nil
}

// join offers a feature's examples to the lists.
func (l *lists) join(f Feature) {
	l.active += f.Active
	for i, n := range f.bins {
		l.bins[i] += n
	}
	for _, pair := range []struct {
		into *list
		from []Example
	}{{&l.top, f.Top}, {&l.bottom, f.Bottom}, {&l.sample, f.sample}} {
		for _, e := range pair.from {
			if pair.into.wants(e) {
				pair.into.add(&entry{Example: e})
			}
		}
	}
}
