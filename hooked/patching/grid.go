package patching

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gopherlens/internal/brief"
)

// A Grid is a table of numbers with named axes and a label for each entry of each axis: the result
// of a sweep. Package plots draws it as it is.
type Grid struct {
	axes   []string
	labels [][]string
	data   []float32
}

func newGrid(axes []string, labels [][]string) *Grid {
	g := &Grid{axes: axes, labels: labels}
	g.data = make([]float32, product(g.Shape()))
	return g
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// fail panics with an error, which hooked.Try returns.
func fail(format string, args ...any) { panic(brief.Errorf("patching: "+format, args...)) }

// need is g, which must be a sweep's.
func (g *Grid) need() *Grid {
	if g == nil || g.axes == nil {
		fail("the grid is nil or empty: look at the error of the sweep that should have made it")
	}
	return g
}

// Shape is the number of entries of each axis.
func (g *Grid) Shape() []int {
	shape := make([]int, len(g.need().labels))
	for i, l := range g.labels {
		shape[i] = len(l)
	}
	return shape
}

// Float32s are the numbers in row-major order.
func (g *Grid) Float32s() []float32 { return slices.Clone(g.need().data) }

// AxisNames are the names of the axes, such as ["layer" "pos"].
func (g *Grid) AxisNames() []string { return slices.Clone(g.need().axes) }

// AxisLabels are the labels of an axis: layer numbers, tokens with their positions, heads. It
// panics if there is no such axis.
func (g *Grid) AxisLabels(axis int) []string {
	if n := len(g.need().axes); axis < 0 || axis >= n {
		fail("there is no axis %d in a grid of %v, which are 0 to %d", axis, g.axes, n-1)
	}
	return slices.Clone(g.labels[axis])
}

// At is the number at these indices, one for each axis. It panics if there is none. What a grid
// panics with is an error that [hooked.Try] returns.
func (g *Grid) At(indices ...int) float32 {
	shape := g.Shape()
	if len(indices) != len(shape) {
		fail("%d indices for a grid of %v: want one for each axis", len(indices), g.axes)
	}
	flat := 0
	for i, index := range indices {
		if index < 0 || index >= shape[i] {
			fail("index %d out of range: axis %q has entries 0 to %d", index, g.axes[i], shape[i]-1)
		}
		flat = flat*shape[i] + index
	}
	return g.data[flat]
}

// Normalized maps zero to 0 and one to 1, linearly: with the metric of the corrupted run and that
// of the clean one a patch that restores everything is 1, one that does nothing 0. It panics if the
// two are the same, or not numbers.
func (g *Grid) Normalized(zero, one float32) *Grid {
	if span := math.Abs(float64(one - zero)); !(span > 0 && span <= math.MaxFloat32) {
		fail("Normalized(%g, %g): want two numbers that differ", zero, one)
	}
	out := newGrid(g.need().axes, g.labels)
	for i, v := range g.data {
		out.data[i] = (v - zero) / (one - zero)
	}
	return out
}

// String is axes, shape and range.
func (g *Grid) String() string {
	if g == nil {
		return "nil grid"
	}
	var b strings.Builder
	for i, name := range g.axes {
		fmt.Fprintf(&b, "%s=%d ", name, len(g.labels[i]))
	}
	if len(g.data) == 0 {
		return strings.TrimSpace(b.String())
	}
	return fmt.Sprintf("[%s] from %.4g to %.4g", strings.TrimSpace(b.String()), slices.Min(g.data), slices.Max(g.data))
}

// stack joins grids along a new first axis. They have the axes of the first one, of which the last
// may be shorter.
func stack(axis string, labels []string, grids []*Grid) *Grid {
	first := grids[0]
	out := &Grid{axes: slices.Concat([]string{axis}, first.axes), labels: slices.Concat([][]string{labels}, first.labels)}
	for _, g := range grids {
		out.data = append(out.data, g.widened(first.labels[len(first.labels)-1]).data...)
	}
	return out
}

// widened is the grid with its last axis filled up with zeros to these labels.
func (g *Grid) widened(labels []string) *Grid {
	last := len(g.axes) - 1
	n := len(g.labels[last])
	out := newGrid(g.axes, append(slices.Clone(g.labels[:last]), labels))
	for row := range len(g.data) / n {
		copy(out.data[row*len(labels):], g.data[row*n:(row+1)*n])
	}
	return out
}

// indexer counts through the indices of a shape, the last axis fastest. The slice it yields is
// reused.
func indexer(shape []int) func(yield func(int, []int) bool) {
	return func(yield func(int, []int) bool) {
		index := make([]int, len(shape))
		for flat := range product(shape) {
			rest := flat
			for axis := len(shape) - 1; axis >= 0; axis-- {
				index[axis] = rest % shape[axis]
				rest /= shape[axis]
			}
			if !yield(flat, index) {
				return
			}
		}
	}
}
