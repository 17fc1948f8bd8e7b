package hooked

import (
	"slices"

	"gopherlens/hooked/internal/axis"
	"gopherlens/internal/brief"
)

// A run on a key-value cache computes some positions of a text; those before are in the cache, and
// while a text is generated others come later. An edit of picked positions, counted in the whole
// text, acts when these are computed.

// window are the positions that the run computes, or for the steps of a generation after the first
// that they will compute, and the length of the text in the end.
func (r *run) window() (from, to, end int) {
	from, to = r.req.kv.length, r.req.kv.length+r.plan.pos
	end = max(to, r.req.textEnd)
	if r.req.continued {
		to = end
	}
	return from, to, end
}

// acts reports whether an edit changes something in the run: it does not if all positions that it
// picks are computed in others. A position that no run will compute is an error.
func (r *run) acts(e *edit) (bool, error) {
	none := func(picks Entries) bool { return len(picks.spans) == 0 }
	if r.req.kv == nil || slices.ContainsFunc(e.entries, none) { // which the graph refuses
		return true, nil
	}
	if e.ofSource() { // which is computed whole
		return true, nil
	}
	for _, picks := range e.entries {
		if !axis.IsPosition(axis.Plain(picks.axis)) {
			continue
		}
		if !r.req.continued {
			if err := r.checkPositions(picks, e.ofKeys(picks)); err != nil {
				return false, err
			}
		}
		if !e.ofKeys(picks) && !r.computes(picks) {
			return false, nil
		}
	}
	return true, nil
}

// ofSource reports whether all sites of the edit lie in the encoder of an encoder-decoder.
func (e *edit) ofSource() bool {
	for s := range e.at {
		if !s.has(inSource) {
			return false
		}
	}
	return len(e.at) > 0
}

// ofKeys reports whether the entries are positions that attention looks at, of which each run has
// all, at some site of the edit.
func (e *edit) ofKeys(picks Entries) bool {
	for s := range e.at {
		axes := s.Axes()
		if at := axis.Find(axes, picks.axis); at >= 0 && axes[at] == "key" {
			return true
		}
	}
	return axis.Plain(picks.axis) == "key" || picks.axis == "src"
}

// computes reports whether the run computes some of the positions.
func (r *run) computes(picks Entries) bool {
	for _, s := range picks.spans {
		if first, last := r.resolve(s); first < last {
			return true
		}
	}
	return false
}

// resolve is the part of a span that lies in the run's window.
func (r *run) resolve(s Range) (first, last int) {
	from, to, end := r.window()
	first, last = s.From, s.To
	newest := r.req.kv.length + r.plan.pos // negative positions count from here
	if first < 0 {
		first += newest
	}
	switch {
	case last <= 0 && s.From >= 0:
		last += end
	case last <= 0:
		last += newest
	}
	return max(first, from), min(last, to)
}

// checkPositions refuses positions that the text will not have, or that the cache holds already.
func (r *run) checkPositions(picks Entries, ofKeys bool) error {
	past, _, end := r.window()
	for _, s := range picks.spans {
		switch n := r.plan.pos; {
		case (s.From < 0) == (s.To <= 0) && s.From >= s.To:
			return brief.Errorf("it picks position %s, which is none", s.pick())
		case s.From >= end || s.To > end:
			return brief.Errorf("it picks position %s, and the text has %d: positions count in the whole text", s.pick(), end)
		case ofKeys && s.From < -end, !ofKeys && s.From < -n:
			return brief.Errorf("it picks position %s, and the run reads %d", s.pick(), n)
		case !ofKeys && s.From >= 0 && s.To > 0 && s.To <= past:
			return brief.Errorf("it picks position %s, which the key-value cache holds already, computed without this edit: "+
				"positions count in the whole text, of which it has %d", s.pick(), past)
		}
	}
	return nil
}
