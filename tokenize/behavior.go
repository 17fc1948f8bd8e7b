package tokenize

import (
	"encoding/json"
	"fmt"
)

// A match is a stretch of text that a pattern matched, or one between two such.
type match struct {
	start, end int
	hit        bool
}

// behavior is what becomes of the stretches that a split pattern matches.
type behavior string

const (
	removed            behavior = "Removed"            // a-b  -> a b
	isolated           behavior = "Isolated"           // a--b -> a - - b
	contiguous         behavior = "Contiguous"         // a--b -> a -- b
	mergedWithPrevious behavior = "MergedWithPrevious" // a--b -> a- - b
	mergedWithNext     behavior = "MergedWithNext"     // a--b -> a - -b
)

// UnmarshalJSON accepts the names that tokenizer.json uses.
func (b *behavior) UnmarshalJSON(data []byte) error {
	var name string
	if err := json.Unmarshal(data, &name); err != nil {
		return err
	}
	switch *b = behavior(name); *b {
	case removed, isolated, contiguous, mergedWithPrevious, mergedWithNext:
		return nil
	}
	return fmt.Errorf("behavior %q is not known", brief(name))
}

// apply cuts p at the matches, which cover it, and yields the words.
func (b behavior) apply(p piece, matches []match, yield func(piece) error) error {
	for _, m := range b.regroup(matches) {
		if m.start == m.end {
			continue
		}
		if err := yield(p.slice(m.start, m.end)); err != nil {
			return err
		}
	}
	return nil
}

// regroup joins or drops matches.
func (b behavior) regroup(matches []match) []match {
	switch b {
	case removed:
		return dropHits(matches)
	case contiguous:
		return join(matches, func(before, m match) bool { return before.hit == m.hit })
	case mergedWithPrevious:
		return join(matches, func(before, m match) bool { return m.hit && !before.hit })
	case mergedWithNext:
		return joinNext(matches)
	}
	return matches
}

func dropHits(matches []match) []match {
	var out []match
	for _, m := range matches {
		if !m.hit {
			out = append(out, m)
		}
	}
	return out
}

// join appends a match to what comes before it where belong says so. belong sees
// the stretches as they were matched.
func join(matches []match, belong func(before, m match) bool) []match {
	var out []match
	for i, m := range matches {
		if i > 0 && belong(matches[i-1], m) {
			out[len(out)-1].end = m.end
			continue
		}
		out = append(out, m)
	}
	return out
}

// joinNext puts each hit at the head of the stretch after it, unless that is a
// hit, too.
func joinNext(matches []match) []match {
	var out []match
	for i, m := range matches {
		if i > 0 && matches[i-1].hit && !m.hit {
			out[len(out)-1].end = m.end
			continue
		}
		out = append(out, m)
	}
	return out
}
