package plots

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed assets/lens.js
var lensScript string

// lensWord is how long a word in a cell may be.
const lensWord = 12

// fragment is an HTML table whose cells have their guesses as a plain title; the script shows them
// as a table of their own, and answers the keyboard.
func (t *lensTable) fragment() string {
	var b strings.Builder
	g := t.grid
	b.WriteString(fragmentOpen("gl-lens", g.axes))
	b.WriteString(noteLines(g.notes))
	b.WriteString(rampLegend(g.ramp, g.axes.Unit))
	b.WriteString(`<div style="overflow-x:auto"><table style="border-collapse:collapse;font-size:12px;line-height:1.3">` + "\n<thead><tr>")
	fmt.Fprintf(&b, `<th scope="col" style="%s;text-align:right">%s</th>`, lensCell, escape(visible(g.yName)+" / "+visible(g.xName)))
	for j := range g.nx {
		fmt.Fprintf(&b, `<th scope="col" style="%s;font-weight:normal;text-align:left"><bdi>%s</bdi></th>`, lensCell, escape(clip(g.label(g.xLabels[j]), lensWord)))
	}
	b.WriteString("</tr></thead>\n<tbody>")
	for i := range g.ny {
		fmt.Fprintf(&b, `<tr><th scope="row" style="%s;font-weight:normal;text-align:right">%s</th>`, lensCell, escape(axisText(g.yLabels[i])))
		for j := range g.nx {
			b.WriteString(t.cell(i, j))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody></table></div>\n" + fragmentLive(t.model(), lensScript))
	return b.String()
}

func (t *lensTable) coloured() {}

const lensCell = "padding:1px 4px;white-space:pre"

func (t *lensTable) cell(i, j int) string {
	best := t.top[i][j][0]
	lines := []string{}
	for rank, r := range t.top[i][j] {
		lines = append(lines, fmt.Sprintf("%d. %s %s", rank+1, clip(visibleToken(r.Token), axisLabelLength), share(r.Value)))
	}
	return fmt.Sprintf(`<td style="%s;%s;text-align:left" title="%s"><bdi>%s</bdi></td>`,
		colorStyle(t.grid.ramp.at(best.Value)), lensCell, escape(strings.Join(lines, "\n")), escape(clip(visibleToken(best.Token), lensWord)))
}

// share writes a probability.
func share(p float64) string {
	switch {
	case !finite(p):
		return format(p)
	case p > 0 && p < 1e-4:
		return "<0.01 %"
	}
	return fmt.Sprintf("%.2f %%", 100*p)
}

// model is what the script shows: each token's text stands in it once.
func (t *lensTable) model() object {
	words := &wordTable{index: make(map[string]int)}
	cells := list{}
	for _, row := range t.top {
		for _, cell := range row {
			guesses := list{}
			for _, r := range cell {
				guesses = append(guesses, words.id(r.Token), share(r.Value))
			}
			cells = append(cells, guesses)
		}
	}
	g := t.grid
	return object{"Rows": anys(mapLabels(g.yLabels, hoverText)), "Columns": anys(mapLabels(g.xLabels, func(s string) string { return clip(g.label(s), hoverLength) })),
		"RowName": visible(g.yName), "ColumnName": visible(g.xName), "Words": words.words, "Cells": cells}
}
