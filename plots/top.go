package plots

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Ranked is a token with the quantity that it is ranked by.
type Ranked struct {
	Token string
	Value float64
}

// Top finds the k largest values of each row of data, of shape [vocabulary] or
// [row, vocabulary], best first: all of a row that has fewer, and NaN after every
// number. Name gives a token's text by its number.
func Top(data any, k int, name func(token int) string) ([][]Ranked, error) {
	switch {
	case k < 1:
		return nil, fmt.Errorf("plots: Top: k is %d; want how many tokens to find, 1 or more", k)
	case name == nil:
		return nil, errors.New("plots: Top: name is nil; want a function that gives a token's text")
	}
	a, err := readArray(data, 1, 2)
	if err != nil {
		return nil, fmt.Errorf("plots: Top: %w", err)
	}
	var out [][]Ranked
	for _, row := range a.withLeading(2).rows() {
		out = append(out, topOf(row, k, name))
	}
	return out, nil
}

func topOf(row []float64, k int, name func(int) string) []Ranked {
	best := largest(row, min(k, len(row)))
	ranked := make([]Ranked, len(best))
	for rank, i := range best {
		ranked[rank] = Ranked{name(i), row[i]}
	}
	return ranked
}

// largest are the indices of the k largest values, the first of equal ones first.
// It keeps a sorted list of k while it walks along the row, as a vocabulary is
// large and k is small; where k is not, it sorts the row.
func largest(row []float64, k int) []int {
	const small = 128
	if k > small {
		return sortedBy(len(row), func(a, b int) int { return cmp.Compare(row[b], row[a]) })[:k]
	}
	var best []int
	for i, v := range row {
		if len(best) == k && cmp.Compare(v, row[best[k-1]]) <= 0 { // NaN is below every number
			continue
		}
		at := len(best)
		for at > 0 && cmp.Compare(v, row[best[at-1]]) > 0 {
			at--
		}
		if len(best) < k {
			best = append(best, 0)
		}
		copy(best[at+1:], best[at:])
		best[at] = i
	}
	return best
}

// sortedBy are the indices up to n in the order that compare gives them.
func sortedBy(n int, compare func(a, b int) int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, compare)
	return order
}

// topTable is a table of ranked tokens. Its static picture is a heat map with
// the tokens in the cells.
type topTable struct {
	grid    *heatmap
	columns [][]Ranked
}

func (t *topTable) scene() *scene { return t.grid.scene() }

// TopCells is how many tokens a table of the best holds; the lists, and then the
// ranks, beyond it are left out, which the figure says.
const TopCells = 4000

// TopTokens draws a table of the best tokens: one column for each list, the
// best at the top, coloured by value. Axes.X names the columns (the prompts,
// the singular vectors, the features), Axes.Unit says what the values are.
func TopTokens(columns [][]Ranked, axes Axes) Figure {
	t, err := newTopTokens(columns, axes)
	return figure("TopTokens", t, err)
}

func newTopTokens(columns [][]Ranked, axes Axes) (*topTable, error) {
	if err := axes.check("TopTokens", "Height X XName Unit Colors Low High"); err != nil {
		return nil, err
	}
	if len(columns) == 0 || len(columns[0]) == 0 {
		return nil, fmt.Errorf("%w: want at least one list of ranked tokens", errNoData)
	}
	for i, column := range columns {
		if k := len(columns[0]); len(column) != k {
			return nil, fmt.Errorf("list %d has %d tokens, the first has %d", i, len(column), k)
		}
	}
	columns, notes := cutColumns(columns, &axes)
	k := len(columns[0])
	values, words := make([][]float64, k), make([][]string, k)
	for _, column := range columns {
		for rank, r := range column {
			values[rank] = append(values[rank], r.Value)
			words[rank] = append(words[rank], r.Token)
		}
	}
	axes.Y = ranks(k)
	axes.YName = "rank"
	h, err := newLogitLens(values, words, axes)
	if err != nil {
		return nil, err
	}
	h.notes = slices.Concat(notes, h.notes)
	return &topTable{h, columns}, nil
}

// cutColumns leaves out what the table has no room for, and its labels.
func cutColumns(columns [][]Ranked, axes *Axes) ([][]Ranked, []string) {
	const ranks = 100 // for the others there is always room
	var notes []string
	k, n := len(columns[0]), len(columns)
	kept := min(n, max(1, TopCells/min(k, ranks)))
	if kept < n {
		notes = append(notes, fmt.Sprintf("first %d of %d lists", kept, n))
		if len(axes.X) == n {
			axes.X = axes.X[:kept]
		}
	}
	shown := min(k, TopCells/kept)
	if shown < k {
		notes = append(notes, fmt.Sprintf("first %d of %d ranks", shown, k))
	}
	out := make([][]Ranked, kept)
	for i := range out {
		out[i] = columns[i][:shown]
	}
	return out, notes
}

func ranks(k int) []string {
	out := make([]string, k)
	for i := range out {
		out[i] = fmt.Sprint(i + 1)
	}
	return out
}

func (t *topTable) describe() string {
	var b strings.Builder
	if t.grid.axes.Title != "" {
		b.WriteString(visible(t.grid.axes.Title) + "\n")
	}
	for i, column := range t.columns {
		fmt.Fprintf(&b, "%s:", visible(t.grid.xLabels[i]))
		for rank, r := range column {
			if rank == 10 {
				b.WriteString(" …")
				break
			}
			fmt.Fprintf(&b, " %s (%s)", visibleToken(r.Token), t.grid.ramp.text(r.Value))
		}
		b.WriteString("\n")
	}
	for _, note := range t.grid.notes {
		b.WriteString(note + ".\n")
	}
	return strings.TrimSpace(b.String())
}

// fragment is a plain HTML table: it can be copied, searched and read aloud.
func (t *topTable) fragment() string {
	var b strings.Builder
	b.WriteString(fragmentOpen("gl-table", t.grid.axes))
	b.WriteString(noteLines(t.grid.notes))
	b.WriteString(`<table style="border-collapse:collapse"><thead><tr><th scope="col">rank</th>`)
	for _, label := range t.grid.xLabels {
		fmt.Fprintf(&b, `<th scope="col" style="text-align:left;padding:2px 8px">%s</th>`, escape(axisText(label)))
	}
	b.WriteString("</tr></thead>\n<tbody>")
	for rank := range t.grid.ny {
		fmt.Fprintf(&b, `<tr><td style="text-align:right;padding:2px 8px">%d</td>`, rank+1)
		for _, column := range t.columns {
			b.WriteString(t.cell(column[rank]))
		}
		b.WriteString("</tr>\n")
	}
	fmt.Fprintf(&b, "</tbody></table>%s</div>", unitLine(t.grid.axes.Unit))
	return b.String()
}

func (t *topTable) coloured() {}

func (t *topTable) cell(r Ranked) string {
	return fmt.Sprintf(`<td style="%s;text-align:left;padding:2px 8px;white-space:pre" title="%s"><bdi>%s</bdi> <span style="font-size:85%%">%s</span></td>`,
		colorStyle(t.grid.ramp.at(r.Value)), escape(hoverText(r.Token)), escape(clip(visibleToken(r.Token), axisLabelLength)), t.grid.ramp.text(r.Value))
}

func unitLine(unit string) string {
	if unit == "" {
		return ""
	}
	return `<div style="font-size:85%;opacity:0.8">` + escape(visible(unit)) + `</div>`
}
