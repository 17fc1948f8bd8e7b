package plots

import (
	"fmt"
	"slices"
)

// Curves are lines that have places of their own along x: data for [Line].
type Curves []Curve

// A Curve is a line through points whose X increases.
type Curve struct {
	Name string
	X, Y []float64
}

// readLines reads what [Line] draws.
func readLines(data any, axes Axes) (series, error) {
	if curves, ok := data.(Curves); ok {
		return curves.series(axes)
	}
	return readSeries(data, axes)
}

// series puts the curves on the places of all of them.
func (c Curves) series(axes Axes) (series, error) {
	s := series{axes: axes, xName: axes.XName}
	if axes.X != nil || axes.At != nil || axes.Series != nil {
		return s, fmt.Errorf("curves say themselves where their points lie and what they are called: leave Axes.X, At and Series alone")
	}
	var all []float64
	for i, curve := range c {
		if err := curve.check(); err != nil {
			return s, fmt.Errorf("curve %d (%s): %w", i, hoverText(curve.Name), err)
		}
		s.at, all = append(s.at, curve.X...), append(all, curve.Y...)
	}
	if !anyFinite(all) {
		return s, fmt.Errorf("%w: the %s have no finite value among their %d", errNoData, count(len(c), "curve", "curves"), len(all))
	}
	slices.Sort(s.at)
	s.at = slices.Compact(s.at)
	for _, curve := range c {
		s.add(curve)
	}
	if len(c) == 1 && c[0].Name == "" {
		s.names = nil
	}
	lo, hi, _ := finiteRange(s.at)
	s.digits = digitsFor(lo, hi)
	return s, nil
}

func (c Curve) check() error {
	if len(c.X) != len(c.Y) {
		return fmt.Errorf("X has %d places, Y has %d values", len(c.X), len(c.Y))
	}
	for i, x := range c.X {
		if !finite(x) {
			return fmt.Errorf("X[%d] is %v", i, x)
		}
		if i > 0 && x <= c.X[i-1] {
			return fmt.Errorf("X[%d] is %v after %v: want increasing places", i, x, c.X[i-1])
		}
	}
	return nil
}

// add is one more row, which has values at some of the columns.
func (s *series) add(c Curve) {
	row, at := make([]float64, len(s.at)), make([]int, len(c.X))
	column := 0
	for i, x := range c.X {
		for s.at[column] < x {
			column++
		}
		row[column], at[i] = c.Y[i], column
	}
	s.values, s.present, s.names = append(s.values, row), append(s.present, at), append(s.names, c.Name)
}
