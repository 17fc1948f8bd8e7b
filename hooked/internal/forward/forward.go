// Package forward lets other packages of this module build hooked's forward graph into graphs of
// their own, with nodes of their own for the weights. It is hooked's side door: what goes through
// it is no part of the public interface.
package forward

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Of is the model behind a *hooked.Model. Package hooked sets it.
var Of func(model any) (Model, error)

// Functions of graphs that add long axes up in two levels; see hooked's graph_reduce.go.
var (
	LogSoftmax func(x *graph.Node, axis int) *graph.Node
	Sum, Mean  func(x *graph.Node, axes ...int) *graph.Node // over all axes if none is named
)

// Pick is x [..., n] at an index of its last axis for each row; the result has index's shape.
var Pick func(x, index *graph.Node) *graph.Node

// At are some positions of x [batch, pos, ...], which the graph is made for; all if none is named.
var At func(x *graph.Node, positions []int) *graph.Node

// A Model is a *hooked.Model as a graph in the making sees it.
type Model interface {
	// Backend is where the model's weights are.
	Backend() compute.Backend
	// Weights are the shapes of the weights that the model has, by canonical name, as they lie on
	// the device.
	Weights() map[string]shapes.Shape
	// Download copies a weight to the host, as it lies on the device.
	Download(name string) ([]float32, error)
	// ToTransformerLens is a weight in TransformerLens' shape, of its values on the device.
	ToTransformerLens(name string, values []float32) (shape []int, data []float32, err error)
	// FromTransformerLens undoes it.
	FromTransformerLens(name string, shape []int, data []float32) ([]float32, error)
	// Sites are the names of the sites that a selector means.
	Sites(selector any) ([]string, error)
	// Shape is a weight's in TransformerLens.
	Shape(name string) []int
	// With is a *hooked.Model with other buffers for some weights. It takes the buffers over, and
	// shares the other weights and all compiled programs.
	With(weights map[string]compute.Buffer) any
	// Plan is a forward pass in the making.
	Plan(Request) (Pass, error)
}

// A Request says what a pass is to compute.
type Request struct {
	Batch, Pos   int
	Masked       bool  // a mask of pads comes with the tokens
	Logits, Loss bool  // Loss is the mean cross-entropy of the next token, in nats
	LogitsAt     []int // positions whose logits are wanted, in rising order; all if none is named
	Sites        []any // selectors of the sites to read
	Options      []any // hooked.Options: edits
}

// Names of a pass's inputs that are neither weights nor values of the pass.
const (
	Tokens = "input.tokens" // [batch, pos] int32
	Mask   = "input.mask"   // [batch, pos] int32, 1 for a token, 0 for a pad
)

// A Pass is a planned forward pass. It can be built into several graphs.
type Pass interface {
	// Build builds the pass into g; input is asked once for each thing that it reads.
	Build(g *graph.Graph, input func(name string, shape shapes.Shape) *graph.Node) (Built, error)
	// Value is the value of an input that is not [Tokens] or [Mask]: a weight, a table, a number of
	// an edit.
	Value(name string) (compute.Buffer, error)
}

// Built is a pass in a graph. What was not asked for is nil.
type Built struct {
	Logits *graph.Node            // [batch, pos or len(LogitsAt), d_vocab_out]
	Loss   *graph.Node            // scalar
	Sites  map[string]*graph.Node // by name
	Axes   map[string][]string    // names of the axes of each of Sites
}
