package devices

import "fmt"

// An Axis is of which kind an axis of a tensor is.
type Axis byte

// The kinds of axes.
const (
	Whole   Axis = iota // not cut
	Batch               // runs over the prompts of a batch
	Weights             // weights are cut along it: heads, columns of MLPs
)

// meshAxes are the names of the axes of XLA's mesh.
var meshAxes = map[Axis]string{Batch: "batch", Weights: "weights"}

// A Grid is into how many parts batches and weights are cut. There is a device for each pair; those
// of the first part of a batch come first.
type Grid struct{ Batch, Weights int }

// Devices is how many there are.
func (g Grid) Devices() int { return g.Batch * g.Weights }

// String says what is cut.
func (g Grid) String() string {
	switch {
	case g.Weights == 1:
		return fmt.Sprintf("%d devices, which share batches", g.Batch)
	case g.Batch == 1:
		return fmt.Sprintf("%d devices, which share weights", g.Weights)
	}
	return fmt.Sprintf("%d devices, which share batches by %d and weights by %d", g.Devices(), g.Batch, g.Weights)
}

// batchParts is into how many parts a batch of n prompts is cut: as many as there are for it, or
// fewer where it cannot be cut so, on the first devices.
func (g Grid) batchParts(n int) int {
	a, b := g.Batch, n
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
