package patching

import (
	"cmp"
	"math"
	"slices"
)

// A row is one patch of one prompt. Rows that begin at the same position are computed together.
type row struct {
	patch  int // its number
	prompt int
	layer  int // the first layer that it changes
	from   int // the first position that it changes
}

// batch are rows that are computed together, from a common position on and in programs of a common
// size.
type batch struct {
	rows []row // ordered by layer
	from int
	size int // rows in the program; what is missing is filled up
}

func (b batch) layer() int { return b.rows[0].layer }

// workload says what computing costs, to decide which rows go together.
type workload struct {
	layers   int
	pos      int // positions of the base run
	perToken int // weights of one layer
	tokens   int // positions in one batch
	maxRows  int // rows in one batch
}

// compileWork is how many multiplications take as long as compiling one block, some tenths of a
// second: positions are computed twice rather than a program compiled for few of them.
const compileWork = 1e10

// batches groups rows by where they begin and cuts the groups into batches of about as many
// positions.
func (w workload) batches(rows []row) []batch {
	var out []batch
	for _, group := range w.groups(rows) {
		slices.SortStableFunc(group.rows, func(a, b row) int { return cmp.Compare(a.layer, b.layer) })
		n := int(math.Ceil(float64(len(group.rows)*(w.pos-group.from)) / float64(w.tokens)))
		n = max(n, (len(group.rows)+w.maxRows-1)/w.maxRows)
		n = min(n, len(group.rows))
		size := (len(group.rows) + n - 1) / n
		for part := range slices.Chunk(group.rows, size) {
			out = append(out, batch{part, group.from, size})
		}
	}
	return out
}

// groups gathers rows that begin at the same position, the earliest first. A group joins the one
// before it if computing its rows from there costs less than compiling a program for it.
func (w workload) groups(rows []row) []batch {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.from, b.from) })
	var groups []batch
	for start := 0; start < len(rows); {
		end := start
		for end < len(rows) && rows[end].from == rows[start].from {
			end++
		}
		group := batch{rows: rows[start:end], from: rows[start].from}
		if last := len(groups) - 1; last >= 0 && w.extra(group, groups[last].from) < compileWork {
			groups[last].rows = append(groups[last].rows, group.rows...)
		} else {
			group.rows = slices.Clone(group.rows)
			groups = append(groups, group)
		}
		start = end
	}
	return groups
}

// extra is what it costs to compute a group's rows from an earlier position.
func (w workload) extra(group batch, from int) float64 {
	work := 0
	for _, r := range group.rows {
		work += (w.layers - r.layer) * (group.from - from)
	}
	return float64(work) * float64(w.perToken)
}

// blocks is the work of computing a batch, in blocks of one row.
func (w workload) blocks(b batch) int { return b.size * (w.layers - b.layer()) }
