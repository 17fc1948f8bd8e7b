package plots

import (
	"fmt"
	"strings"
)

// Ranked is a token with the quantity that it is ranked by.
type Ranked struct {
	Token string
	Value float64
}

// Top finds the k largest values of each row of data, of shape [vocabulary] or
// [row, vocabulary], best first. Name gives a token's text by its number.
func Top(data any, k int, name func(token int) string) ([][]Ranked, error) {
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

// topOf keeps a sorted list of k while it walks along the row: a vocabulary is
// large and k is small.
func topOf(row []float64, k int, name func(int) string) []Ranked {
	var best []int
	for i, v := range row {
		if len(best) == k && (k == 0 || !(v > row[best[k-1]])) {
			continue
		}
		at := len(best)
		for at > 0 && v > row[best[at-1]] {
			at--
		}
		if len(best) < k {
			best = append(best, 0)
		}
		copy(best[at+1:], best[at:])
		best[at] = i
	}
	ranked := make([]Ranked, len(best))
	for rank, i := range best {
		ranked[rank] = Ranked{name(i), row[i]}
	}
	return ranked
}

// topTable is a table of ranked tokens. Its static picture is a heat map with
// the tokens in the cells.
type topTable struct {
	grid    *heatmap
	columns [][]Ranked
}

func (t *topTable) scene() *scene { return t.grid.scene() }

// TopTokens draws a table of the best tokens: one column for each list, the
// best at the top, coloured by value. Axes.X names the columns (the prompts,
// the singular vectors, the features), Axes.Unit says what the values are.
func TopTokens(columns [][]Ranked, axes Axes) Figure {
	t, err := newTopTokens(columns, axes)
	return figure("TopTokens", t, err)
}

func newTopTokens(columns [][]Ranked, axes Axes) (*topTable, error) {
	if err := axes.check("TopTokens", "X XName Unit Colors Low High"); err != nil {
		return nil, err
	}
	if len(columns) == 0 || len(columns[0]) == 0 {
		return nil, fmt.Errorf("%w: want at least one list of ranked tokens", errNoData)
	}
	k := len(columns[0])
	values, words := make([][]float64, k), make([][]string, k)
	for i, column := range columns {
		if len(column) != k {
			return nil, fmt.Errorf("list %d has %d tokens, the first has %d", i, len(column), k)
		}
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
	return &topTable{h, columns}, nil
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
	return strings.TrimSpace(b.String())
}

// fragment is a plain HTML table: it can be copied, searched and read aloud.
func (t *topTable) fragment() string {
	var b strings.Builder
	b.WriteString(fragmentOpen("gl-table", t.grid.axes.Title))
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
