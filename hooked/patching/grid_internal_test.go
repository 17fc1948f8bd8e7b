package patching

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

var inf = math.Inf(1)

// countingGrid holds 0, 1, 2 and so on.
func countingGrid(axes []string, shape ...int) *Grid {
	labels := make([][]string, len(shape))
	for i, n := range shape {
		for k := range n {
			labels[i] = append(labels[i], fmt.Sprint(axes[i], k))
		}
	}
	g := newGrid(axes, labels)
	for i := range g.data {
		g.data[i] = float32(i)
	}
	return g
}

// TestIndexer checks that indices are counted as a grid lies in memory.
func TestIndexer(t *testing.T) {
	g := countingGrid([]string{"a", "b", "c"}, 2, 3, 4)
	n := 0
	for flat, index := range indexer(g.Shape()) {
		if flat != n || flat != (index[0]*3+index[1])*4+index[2] || g.At(index...) != float32(flat) {
			t.Errorf("entry %d is counted as %d, %v", n, flat, index)
		}
		n++
	}
	if n != 24 {
		t.Errorf("%d entries, want 24", n)
	}
	for range indexer(nil) {
		n++
	}
	if n != 25 {
		t.Error("a shape of no axes has one entry")
	}
}

// TestStack checks that each grid lies where its label is, filled up with zeros, and stays as it
// is.
func TestStack(t *testing.T) {
	wide, narrow := countingGrid([]string{"layer", "head"}, 2, 4), countingGrid([]string{"layer", "kv"}, 2, 3)
	g := stack("site", []string{"q", "k"}, []*Grid{wide, narrow})
	if !slices.Equal(g.AxisNames(), []string{"site", "layer", "head"}) || !slices.Equal(g.Shape(), []int{2, 2, 4}) {
		t.Errorf("axes %v of %v", g.AxisNames(), g.Shape())
	}
	if !slices.Equal(g.AxisLabels(0), []string{"q", "k"}) || !slices.Equal(g.AxisLabels(2), wide.labels[1]) {
		t.Errorf("labels %q", g.labels)
	}
	for layer := range 2 {
		for head := range 4 {
			var want float32
			if head < 3 {
				want = narrow.At(layer, head)
			}
			if g.At(0, layer, head) != wide.At(layer, head) || g.At(1, layer, head) != want {
				t.Errorf("layer %d head %d: %v and %v, want %v and %v", layer, head, g.At(0, layer, head), g.At(1, layer, head), wide.At(layer, head), want)
			}
		}
	}
	if !slices.Equal(narrow.Shape(), []int{2, 3}) || !slices.Equal(wide.AxisNames(), []string{"layer", "head"}) {
		t.Error("stacking changed a grid")
	}
}

// TestNormalizedIsLinear checks the ends of the scale and its middle, and that a grid gives nothing
// away that would change it.
func TestNormalizedIsLinear(t *testing.T) {
	g := countingGrid([]string{"a"}, 5)
	if got := g.Normalized(1, 3).Float32s(); !slices.Equal(got, []float32{-0.5, 0, 0.5, 1, 1.5}) {
		t.Errorf("got %v", got)
	}
	if got := g.Normalized(3, 1).Float32s(); !slices.Equal(got, []float32{1.5, 1, 0.5, 0, -0.5}) {
		t.Errorf("the other way round: %v", got)
	}
	g.Float32s()[0], g.AxisNames()[0], g.AxisLabels(0)[0] = 9, "x", "y"
	if g.At(0) != 0 || g.AxisNames()[0] != "a" || g.AxisLabels(0)[0] != "a0" {
		t.Error("a grid's copies are not its own")
	}
	if got, want := g.String(), "[a=5] from 0 to 4"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}
