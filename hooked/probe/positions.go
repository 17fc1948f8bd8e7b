package probe

import (
	"slices"

	"gopherlens/internal/brief"
)

// Positions say which tokens of a text become rows. The zero value is [Last].
type Positions struct {
	kind positionKind
	list []int // of chosen
	each []int // of each text, of ofEach
	from int   // positions before it are left out, of all and mean
}

type positionKind int

const (
	last positionKind = iota
	all
	mean
	chosen
	ofEach
	every
)

// Last is the last token of each text.
func Last() Positions { return Positions{kind: last} }

// All is every token of each text, as rows together: one probe is fitted on all of them.
func All() Positions { return Positions{kind: all} }

// Mean is the mean over the tokens of each text. The first, which many models attend to and let
// grow far beyond the others, counts too unless [Positions.From] leaves it out.
func Mean() Positions { return Positions{kind: mean} }

// At are these positions of each text; negative ones count from its end. Each has rows of its own,
// and [FitAll] fits a probe on each.
func At(positions ...int) Positions { return Positions{kind: chosen, list: positions} }

// Every is every position of texts that are equally long, each with rows of its own.
func Every() Positions { return Positions{kind: every} }

// AtEach is one position for each text, such as that of the word that a label is about.
func AtEach(positions []int) Positions { return Positions{kind: ofEach, each: positions} }

// From leaves out the first n tokens of each text, such as the BOS: of [All] and [Mean].
func (p Positions) From(n int) Positions {
	p.from = n
	return p
}

// check refuses positions that mean nothing for texts of these lengths.
func (p Positions) check(lengths []int) error {
	switch {
	case p.from != 0 && p.kind != all && p.kind != mean:
		return brief.Errorf("Positions.From is for All and Mean: other positions are named")
	case p.from < 0:
		return brief.Errorf("Positions.From(%d): want the number of tokens to leave out", p.from)
	case p.kind == chosen && len(p.list) == 0:
		return brief.Errorf("probe.At of no positions: name some, or take probe.Last")
	case p.kind == ofEach && len(p.each) != len(lengths):
		return brief.Errorf("AtEach has %d positions for %d texts", len(p.each), len(lengths))
	}
	for i, n := range lengths {
		if p.kind == every && n != lengths[0] {
			return brief.Errorf("Every is for texts that are equally long: text %d has %d tokens, text 0 has %d", i, n, lengths[0])
		}
		if p.from >= n {
			return brief.Errorf("text %d has %d tokens, and From(%d) leaves none", i, n, p.from)
		}
		for _, at := range p.of(i, n) {
			if at < 0 || at >= n {
				return brief.Errorf("text %d has %d tokens, and none at the position that was chosen (%d)", i, n, at)
			}
		}
	}
	return nil
}

// of are the positions that are read of text i, of n tokens. Of a mean they are averaged.
func (p Positions) of(i, n int) []int {
	switch p.kind {
	case last:
		return []int{n - 1}
	case chosen:
		return wrapped(p.list, n)
	case ofEach:
		return wrapped(p.each[i:i+1], n)
	}
	return count(n)[p.from:]
}

// wrapped counts negative positions from the end of n.
func wrapped(list []int, n int) []int {
	out := slices.Clone(list)
	for i, at := range out {
		if at < 0 {
			out[i] += n
		}
	}
	return out
}

// columns are how many sets of rows there are, and what each is called.
func (p Positions) columns(length int) []string {
	list := p.list
	switch p.kind {
	case chosen:
	case every:
		list = count(length)
	default:
		return []string{map[positionKind]string{last: "last", all: "all", mean: "mean", ofEach: "each"}[p.kind]}
	}
	out := make([]string, len(list))
	for i, at := range list {
		out[i] = brief.Sprintf("%d", at)
	}
	return out
}

// rowsOf is how many rows text i of n tokens gives in each column.
func (p Positions) rowsOf(n int) int {
	if p.kind == all {
		return n - p.from
	}
	return 1
}
