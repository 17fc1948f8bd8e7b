package examples

import (
	"cmp"
	"slices"

	"gopherlens/internal/permute"
)

// An entry is an example in the making: its activations are read when its batch is over, if some
// list still has it.
type entry struct {
	Example
	lists int // that hold it
}

// A list holds the first n entries in some order: a bounded heap that is kept sorted, as n is
// small and the next entry is mostly refused at the first comparison.
type list struct {
	n       int
	before  func(a, b Example) int
	entries []*entry
}

// wants reports whether an example would be held.
func (l *list) wants(e Example) bool {
	if len(l.entries) < l.n {
		return true
	}
	return l.n > 0 && l.before(e, l.entries[l.n-1].Example) < 0
}

// add holds an entry that the list wants.
func (l *list) add(e *entry) {
	if len(l.entries) == l.n {
		l.entries[l.n-1].lists--
		l.entries = l.entries[:l.n-1]
	}
	at, _ := slices.BinarySearchFunc(l.entries, e, func(a, b *entry) int { return l.before(a.Example, b.Example) })
	l.entries = slices.Insert(l.entries, at, e)
	e.lists++
}

func (l *list) examples() []Example {
	if len(l.entries) == 0 {
		return nil
	}
	out := make([]Example, len(l.entries))
	for i, e := range l.entries {
		out[i] = e.Example
	}
	return out
}

// The orders of the lists. No two rows are equal in any, so that what a list holds does not depend
// on the order in which it was offered.

func largestFirst(a, b Example) int {
	return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Row, b.Row))
}

func smallestFirst(a, b Example) int {
	return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Row, b.Row))
}

// drawn is the order of a random sample of rows.
func drawn(seed uint64) func(a, b Example) int {
	return func(a, b Example) int {
		return cmp.Or(cmp.Compare(hash(seed, a.Row), hash(seed, b.Row)), cmp.Compare(a.Row, b.Row))
	}
}

// hash is that of a seed and a row.
func hash(seed uint64, row int) uint64 { return permute.Mix(permute.Mix(seed) + uint64(row)) }

// lists are those of a feature.
type lists struct {
	top, bottom, sample list
	active              int
	bins                []int // of the histogram, if there is one
}

func newLists(c Config) *lists {
	l := &lists{
		top:    list{n: c.Top, before: largestFirst},
		bottom: list{n: c.Bottom, before: smallestFirst},
		sample: list{n: c.Quantiles * c.PerQuantile, before: drawn(c.Seed)},
	}
	if c.Histogram {
		l.bins = make([]int, histogramBins)
	}
	return l
}

// feature is what the lists have found.
func (l *lists) feature(label string, c Config) Feature {
	return Feature{Label: label, Top: l.top.examples(), Bottom: l.bottom.examples(), Active: l.active, sample: l.sample.examples(), bins: l.bins, config: c}
}
