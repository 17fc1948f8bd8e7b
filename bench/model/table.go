//go:build linux

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// table holds all runs' measurements by name.
type table struct {
	sides []string // ours is the last
	names []string
	cells map[string][][]measurement // by side
}

func newTable(sides ...string) *table {
	return &table{sides: sides, cells: make(map[string][][]measurement)}
}

func (t *table) add(side int, found []measurement) {
	for _, m := range found {
		if t.cells[m.Name] == nil {
			t.names = append(t.names, m.Name)
			t.cells[m.Name] = make([][]measurement, len(t.sides))
		}
		t.cells[m.Name][side] = append(t.cells[m.Name][side], m)
	}
}

// ours is our side's place.
func (t *table) ours() int { return len(t.sides) - 1 }

// markdown is a table of what each side needed in each run, and with what is wanted how the first
// compares with ours beside the ratio that a row should have: that of its name, or else of "".
func (t *table) markdown(wanted map[string]string) string {
	head := slices.Concat([]string{""}, t.sides)
	if wanted != nil {
		head = append(head, "ratio, least to most", "wanted")
	}
	rows := [][]string{head, slices.Repeat([]string{"---"}, len(head))}
	for _, name := range t.names {
		row := []string{name + t.agreement(name)}
		for side := range t.sides {
			row = append(row, t.needed(name, side))
		}
		if wanted != nil {
			row = append(row, t.ratio(name, 0), cmp.Or(wanted[name], wanted[""]))
		}
		rows = append(rows, row)
	}
	return lines(rows)
}

// ratios is a table of each peer's figures over ours: of the medians, and of any two runs.
func (t *table) ratios() string {
	peers := t.sides[:t.ours()]
	rows := [][]string{slices.Concat([]string{""}, peers), slices.Repeat([]string{"---"}, len(t.sides))}
	for _, name := range t.names {
		row := []string{name}
		for side := range peers {
			row = append(row, t.middle(name, side)+" ("+t.ratio(name, side)+")")
		}
		rows = append(rows, row)
	}
	return lines(rows)
}

// middle is the median of a peer's runs over that of ours.
func (t *table) middle(name string, side int) string {
	var medians []float64
	for _, list := range [][]measurement{t.cells[name][side], t.cells[name][t.ours()]} {
		values := slices.Sorted(slices.Values(amounts(list)))
		medians = append(medians, values[len(values)/2])
	}
	return fmt.Sprintf("%.1f", medians[0]/medians[1])
}

func lines(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// needed is what a side needed in each run.
func (t *table) needed(name string, side int) string {
	var shown []string
	for _, m := range t.cells[name][side] {
		if m.Bytes > 0 {
			shown = append(shown, fmt.Sprintf("%.2f GB", float64(m.Bytes)/1e9))
		} else {
			shown = append(shown, fmt.Sprintf("%.3g s", m.Seconds))
		}
	}
	return strings.Join(shown, ", ")
}

// ratio is the least and the greatest of any two runs of a peer and of ours.
func (t *table) ratio(name string, side int) string {
	theirs, ours := amounts(t.cells[name][side]), amounts(t.cells[name][t.ours()])
	if len(theirs) == 0 || len(ours) == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f to %.1f", slices.Min(theirs)/slices.Max(ours), slices.Max(theirs)/slices.Min(ours))
}

func amounts(list []measurement) (values []float64) {
	for _, m := range list {
		values = append(values, max(m.Seconds, float64(m.Bytes)))
	}
	return values
}

// agreement tells what the sides computed, where all tell.
func (t *table) agreement(name string) string {
	var values []string
	for _, list := range t.cells[name] {
		if len(list) == 0 || list[0].Value == nil {
			return ""
		}
		values = append(values, fmt.Sprintf("%.6g", *list[0].Value))
	}
	last := len(values) - 1
	return fmt.Sprintf(" (computed %s and %s)", strings.Join(values[:last], ", "), values[last])
}
