package hooked

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/brief"
)

// A GraphFunc computes one value from some: a function of the reader's, made of GoMLX's operations.
type GraphFunc interface {
	func(x *Node) *Node | func(a, b *Node) *Node | func(a, b, c *Node) *Node | func(in []*Node) *Node
}

// Apply runs a graph function on tensors and names the axes of its result:
//
//	total, err := hooked.Apply("batch pos", func(x *graph.Node) *graph.Node { return graph.ReduceSum(x, -1) }, resid)
//
// The function is traced at every call and compiled once for each graph that comes out: what it has
// captured, such as a number, counts as it is at the call. A number that changes from call to call
// is better a tensor, which compiles nothing new.
func Apply[F GraphFunc](axes string, f F, in ...*Tensor) (*Tensor, error) {
	out, err := ApplyAll(axes, func(nodes []*Node) []*Node {
		return []*Node{callGraphFunc(f, nodes)}
	}, in...)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// callGraphFunc calls f with as many nodes as it takes.
func callGraphFunc(f any, in []*Node) *Node {
	takes := func(n int) {
		if len(in) != n {
			fail("the function takes %d tensors, and %d are given", n, len(in))
		}
	}
	switch f := f.(type) {
	case func(x *Node) *Node:
		takes(1)
		return f(in[0])
	case func(a, b *Node) *Node:
		takes(2)
		return f(in[0], in[1])
	case func(a, b, c *Node) *Node:
		takes(3)
		return f(in[0], in[1], in[2])
	}
	return f.(func(in []*Node) *Node)(in)
}

// ApplyAll is [Apply] for a function with several results. Their axes are separated by commas:
// "query key, query".
func ApplyAll(axes string, f func(in []*Node) []*Node, in ...*Tensor) ([]*Tensor, error) {
	if len(in) == 0 {
		return nil, fmt.Errorf("Apply needs at least one tensor")
	}
	for i, t := range in {
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("Apply: tensor %d: %w", i, err)
		}
	}
	var names [][]string
	for _, list := range strings.Split(axes, ",") {
		names = append(names, strings.Fields(list))
	}
	eng := sharedBy(in)
	values, err := eng.brought(tensorValues(in))
	if err != nil {
		return nil, fmt.Errorf("Apply: %w", err)
	}
	outputs, err := eng.applied(names, f, values)
	if err != nil {
		return nil, err
	}
	out := make([]*Tensor, len(outputs))
	for i, v := range outputs {
		out[i] = &Tensor{v, names[i], eng}
	}
	return out, nil
}

// applied runs f, whose results have these axes.
func (e *engine) applied(axes [][]string, f func(in []*Node) []*Node, values []*tensors.Tensor) ([]*tensors.Tensor, error) {
	traced, err := watchedBackend{Backend: e.backend}.trace("apply", func(p *program) {
		in := make([]*Node, len(values))
		for i, v := range values {
			in[i] = Parameter(p.graph, fmt.Sprintf("x%d", i), v.Shape())
		}
		named("Apply's function", "", func() { p.nodes = f(in) })
		checkResults(p.graph, p.nodes, axes)
	})
	if err != nil {
		return nil, err
	}
	p, err := e.fingerprinted("apply", traced)
	if err != nil {
		return nil, fmt.Errorf("Apply: %w", err)
	}
	buffers := make([]compute.Buffer, len(values))
	for i, v := range values {
		if buffers[i], err = v.Buffer(e.backend, 0); err != nil {
			return nil, fmt.Errorf("Apply: tensor %d: %w", i, err)
		}
	}
	defer runtime.KeepAlive(values)
	return e.run(p, buffers)
}

// checkResults panics unless the results of Apply's function are as many, and have as many axes, as
// the names say.
func checkResults(g *Graph, results []*Node, axes [][]string) {
	if len(results) != len(axes) {
		fail("Apply: the function has %d results, and the axes of %d are named", len(results), len(axes))
	}
	for i, x := range results {
		switch {
		case x == nil:
			fail("Apply: result %d of the function is nil", i)
		case x.Graph() != g:
			fail("Apply: result %d belongs to another graph: a function must not use nodes that an earlier call has made", i)
		case x.Rank() != len(axes[i]):
			fail("Apply: result %d has shape %v, %w (%s)", i, x.Shape().Dimensions, ErrAxes, spaced(axes[i]))
		}
	}
}

// FromGoMLX is a tensor of GoMLX's as one with named axes. Nothing is copied: both are the same
// memory from then on, so that t must not be changed, donated to a program or finalised as long as
// the result is in use. t.Clone() beforehand makes them independent.
func FromGoMLX(t *tensors.Tensor, axes string) (*Tensor, error) {
	if t == nil {
		return nil, fmt.Errorf("FromGoMLX: the tensor is nil")
	}
	if err := t.CheckValid(); err != nil {
		return nil, brief.Errorf("FromGoMLX: %w", err)
	}
	names := strings.Fields(axes)
	if len(names) != t.Rank() {
		return nil, brief.Errorf("FromGoMLX: %d names (%s) for a tensor of shape %v: want a name for each axis", len(names), axes,
			t.Shape().Dimensions)
	}
	if kind := t.DType(); !kind.IsFloat() && !kind.IsInt() && kind != dtypes.Bool || kind.IsPacked() {
		return nil, fmt.Errorf("FromGoMLX: a tensor of %s: want floats, whole numbers or truth values", kind)
	}
	if !t.IsOnAnyDevice() {
		e, err := processEngine()
		return &Tensor{t, names, e}, err
	}
	be, err := t.Backend()
	if err != nil {
		return nil, fmt.Errorf("FromGoMLX: %w", err)
	}
	return &Tensor{t, names, sharedEngine(be)}, nil
}

// GoMLX is t as a tensor of GoMLX's, for its trainers, optimizers and executors. Nothing is copied:
// it may be a model's own weight, and must be read only, neither changed, donated to a program nor
// finalised. t.GoMLX().Clone() is a copy to do with as one likes.
func (t *Tensor) GoMLX() *tensors.Tensor { return t.need().value }
