package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// LensGuesses is how many guesses the pointer shows in one cell of a [LogitLensTable].
const LensGuesses = 20

// LensCells is how many cells a [LogitLensTable] holds; the last columns beyond it are left out,
// which the figure says.
const LensCells = 8000

// Predictions are what a lens reads in each layer (row) at each position (column), as another
// package has them. [RankedGrid] is the one of this package.
type Predictions interface {
	Rows() []string    // a label each
	Columns() []string // a label each, such as the tokens that were read
	// Cell gives the likeliest tokens, best first, and as many probabilities.
	Cell(row, column int) (tokens []string, probabilities []float32)
}

// RankedGrid are predictions [row][column], each a list of tokens with their probabilities, best
// first. [Axes.Y] and [Axes.X] label them.
type RankedGrid [][][]Ranked

// Rows implements [Predictions].
func (g RankedGrid) Rows() []string { return indexLabels(len(g)) }

// Columns implements [Predictions].
func (g RankedGrid) Columns() []string {
	if len(g) == 0 {
		return nil
	}
	return indexLabels(len(g[0]))
}

// Cell implements [Predictions].
func (g RankedGrid) Cell(row, column int) (tokens []string, probabilities []float32) {
	if row < 0 || row >= len(g) || column < 0 || column >= len(g[row]) {
		panic(fmt.Errorf("plots: there is no cell in row %d, column %d", row, column))
	}
	for _, r := range g[row][column] {
		tokens, probabilities = append(tokens, r.Token), append(probabilities, float32(r.Value))
	}
	return tokens, probabilities
}

// LogitLensTable draws what a lens reads as a table, layer by position: the likeliest token stands
// in each cell, whose colour is its probability, stronger where the lens is surer; the pointer
// shows the next ones. Row 0 is at the top. (nostalgebraist 2020, "interpreting GPT: the logit
// lens".)
func LogitLensTable(predictions Predictions, axes Axes) Figure {
	t, err := newLensTable(predictions, axes)
	return figure("LogitLensTable", t, err)
}

// lensTable is the figure. Its static picture is a heat map with the best tokens in the cells.
type lensTable struct {
	grid *heatmap
	top  [][][]Ranked
}

func newLensTable(predictions Predictions, axes Axes) (*lensTable, error) {
	if err := axes.check("LogitLensTable", "Height X Y XName YName Unit Colors Low High"); err != nil {
		return nil, err
	}
	t, rows, columns, err := readPredictions(predictions)
	if err != nil {
		return nil, err
	}
	if axes.X, err = labelled("X", axes.X, columns, len(columns)); err != nil {
		return nil, err
	}
	if axes.Y, err = labelled("Y", axes.Y, rows, len(rows)); err != nil {
		return nil, err
	}
	notes := t.cut(&axes)
	values, words := make([][]float64, len(rows)), make([][]string, len(rows))
	for i, row := range t.top {
		for _, cell := range row {
			values[i] = append(values[i], cell[0].Value)
			words[i] = append(words[i], cell[0].Token)
		}
	}
	if !axes.fixedRange() {
		axes.Low, axes.High = 0, 1
	}
	axes.XName, axes.YName = orElse(axes.XName, "position"), orElse(axes.YName, "layer")
	axes.Unit = orElse(axes.Unit, "probability")
	if t.grid, err = newLogitLens(values, words, axes); err != nil {
		return nil, err
	}
	t.grid.notes = slices.Concat(notes, t.grid.notes)
	return t, nil
}

// readPredictions copies what another package's code may hold: a panic of it is an error.
func readPredictions(p Predictions) (t *lensTable, rows, columns []string, err error) {
	if p == nil {
		return nil, nil, nil, fmt.Errorf("%w: got nil", errNoData)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading %s: %s", typeName(p), hoverText(fmt.Sprint(r)))
		}
	}()
	t, rows, columns = &lensTable{}, slices.Clone(p.Rows()), slices.Clone(p.Columns())
	if len(rows) == 0 || len(columns) == 0 {
		return nil, nil, nil, fmt.Errorf("%w: %d rows and %d columns of predictions", errNoData, len(rows), len(columns))
	}
	for i := range rows {
		var line [][]Ranked
		for j := range columns {
			cell, err := readCell(p, i, j)
			if err != nil {
				return nil, nil, nil, fmt.Errorf("row %d, column %d: %w", i, j, err)
			}
			line = append(line, cell)
		}
		t.top = append(t.top, line)
	}
	return t, rows, columns, nil
}

func readCell(p Predictions, i, j int) (cell []Ranked, err error) {
	tokens, probabilities := p.Cell(i, j)
	if len(tokens) == 0 || len(tokens) != len(probabilities) {
		return nil, fmt.Errorf("there are %d tokens and %d probabilities: want one of each at least, and as many", len(tokens), len(probabilities))
	}
	for k, token := range tokens {
		v := float64(probabilities[k])
		if !(v >= 0 && v <= 1.001) && !math.IsNaN(v) {
			return nil, fmt.Errorf("guess %d has probability %s: want one from 0 to 1", k, format(v))
		}
		cell = append(cell, Ranked{token, v})
	}
	return cell[:min(len(cell), LensGuesses)], nil
}

// cut leaves out the columns beyond the limit.
func (t *lensTable) cut(axes *Axes) (notes []string) {
	n, kept := len(t.top[0]), max(1, LensCells/len(t.top))
	if kept >= n {
		return nil
	}
	for i, row := range t.top {
		t.top[i] = row[:kept]
	}
	axes.X = axes.X[:kept]
	return []string{fmt.Sprintf("first %d of %d columns", kept, n)}
}

func (t *lensTable) scene() *scene { return t.grid.scene() }

func (t *lensTable) describe() string {
	return strings.Replace(t.grid.describe(), "Heat map", "Logit lens", 1)
}
