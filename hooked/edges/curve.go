package edges

import (
	"math"
	"slices"
	"strconv"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Curve tells how faithful and how complete circuits of growing size are. Package plots draws it
// as it is: plots.Line(curve, plots.Axes{XName: "edges", YName: "share of the metric"}).
type Curve struct {
	Sizes        []int     // edges of the circuits as they were asked for
	Faithfulness []float64 // of the circuit of each size, see [Task.Faithfulness]
	Completeness []float64 // what is left without it, see [Task.Completeness]
	Random       []float64 // the mean faithfulness of random circuits of as many edges
	Spread       []float64 // its standard deviation over these; 0 for fewer than two
}

// Curving says of which circuits a curve is.
type Curving struct {
	Sizes  []int                         // 0 up to the number of edges
	Pick   func(n int) (*Circuit, error) // the circuit of a size, such as scores.Greedy
	Random int                           // how many random circuits of each size, to hold them against
	Seed   uint64                        // of these
}

// Curve measures circuits of growing size, their complements, and random ones of as many edges.
func (t Task) Curve(m *hooked.Model, c Curving, options ...Option) (*Curve, error) {
	if len(c.Sizes) == 0 || c.Pick == nil || c.Random < 0 {
		return nil, brief.Errorf("edges: a Curve needs Sizes and Pick, such as scores.Greedy, and a Random of 0 or more: there are %d sizes, Random is %d",
			len(c.Sizes), c.Random)
	}
	g, err := GraphOf(m)
	if err != nil {
		return nil, err
	}
	var circuits []*Circuit
	for i, n := range c.Sizes {
		picked, err := c.Pick(n)
		if err == nil {
			err = picked.check()
		}
		if err != nil {
			return nil, err
		}
		circuits = append(circuits, picked, picked.Complement())
		for k := range c.Random {
			random, err := g.Random(picked.Len(), c.Seed+uint64(i*c.Random+k))
			if err != nil {
				return nil, err
			}
			circuits = append(circuits, random)
		}
	}
	shares, err := t.shares(m, circuits, options)
	if err != nil {
		return nil, err
	}
	curve := &Curve{Sizes: slices.Clone(c.Sizes)}
	for row := range slices.Chunk(shares, 2+c.Random) {
		mean, spread := spreadOf(row[2:])
		curve.Faithfulness, curve.Completeness = append(curve.Faithfulness, row[0]), append(curve.Completeness, row[1])
		curve.Random, curve.Spread = append(curve.Random, mean), append(curve.Spread, spread)
	}
	if c.Random == 0 {
		curve.Random, curve.Spread = nil, nil
	}
	return curve, nil
}

// shares are the faithfulness of circuits.
func (t Task) shares(m *hooked.Model, circuits []*Circuit, options []Option) ([]float64, error) {
	r, err := t.prepared(m, options, circuits...)
	if err != nil {
		return nil, err
	}
	if err := r.checkEnds(); err != nil {
		return nil, err
	}
	numbers, err := r.measureAll(circuits)
	for i := range numbers {
		numbers[i] = r.share(numbers[i])
	}
	return numbers, err
}

// spreadOf are mean and standard deviation.
func spreadOf(x []float64) (mean, spread float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		spread += (v - mean) * (v - mean) / float64(max(1, len(x)-1))
	}
	return mean, math.Sqrt(spread)
}

func (c *Curve) series() (names []string, rows [][]float64) {
	if c == nil || len(c.Sizes) == 0 {
		fail("the curve is nil or empty: look at the error of what should have made it")
	}
	names, rows = []string{"circuit", "all but the circuit"}, [][]float64{c.Faithfulness, c.Completeness}
	if len(c.Random) > 0 {
		names, rows = append(names, "random circuits"), append(rows, c.Random)
	}
	return names, rows
}

// Shape is [series, size]: faithfulness, completeness, and the random circuits where there are any.
// What a curve's methods panic with is an error that [hooked.Try] returns.
func (c *Curve) Shape() []int {
	names, _ := c.series()
	return []int{len(names), len(c.Sizes)}
}

// Float32s are the series one after the other.
func (c *Curve) Float32s() []float32 {
	_, rows := c.series()
	var out []float32
	for _, row := range rows {
		for _, v := range row {
			out = append(out, float32(v))
		}
	}
	return out
}

// AxisNames are "series" and "edges".
func (c *Curve) AxisNames() []string { return []string{"series", "edges"} }

// AxisLabels are the names of the series, or the sizes.
func (c *Curve) AxisLabels(axis int) []string {
	names, _ := c.series()
	if axis == 0 {
		return names
	}
	labels := make([]string, len(c.Sizes))
	for i, n := range c.Sizes {
		labels[i] = strconv.Itoa(n)
	}
	return labels
}

// Sizes are n sizes of circuits for a curve, from first to last, each by the same factor larger
// than the one before; fewer where they would be the same.
func Sizes(first, last, n int) []int {
	var sizes []int
	if first < 1 || last < first || n < 1 || n > 1<<20 {
		return nil
	}
	for i := range n {
		at := first
		if n > 1 {
			at = int(math.Round(float64(first) * math.Pow(float64(last)/float64(first), float64(i)/float64(n-1))))
		}
		if len(sizes) == 0 || at > sizes[len(sizes)-1] {
			sizes = append(sizes, at)
		}
	}
	return sizes
}
