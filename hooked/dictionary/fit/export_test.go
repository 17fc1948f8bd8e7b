package fit

import (
	"context"
	"iter"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/train"
)

// FromBatches gives these batches [batch, d_in] in their order.
func FromBatches(name string, width int, batches [][]float32) *Source {
	return &Source{in: activations.Site{Name: name, Axes: []string{"d_model"}, Shape: []int{width}},
		batches: func(_ context.Context, size, from int) iter.Seq2[pairs, error] {
			return func(yield func(pairs, error) bool) {
				for _, b := range batches[from:] {
					if !yield(pairs{x: b}, nil) {
						return
					}
				}
			}
		}}
}

// VariablesOf are the weights as they are trained.
func VariablesOf(r *Report) (map[string]*hooked.Array, error) { return r.r.Variables() }

// StateOf is what no gradient changes.
func StateOf(r *Report) (map[string]*tensors.Tensor, error) { return r.r.State() }

// FirstLoss are the terms of the loss on x, and the gradients of their sum by weight.
func FirstLoss(be compute.Backend, s *Source, c Config, x *hooked.Array, dead []bool) (terms map[string]float32, grads map[string][]float32, err error) {
	c, err = c.settled(s)
	if err != nil {
		return nil, nil, err
	}
	var names, weights []string
	args := []any{tensors.FromFlatDataAndDimensions(x.Data, x.Shape...)}
	for name, shape := range c.Dictionary.WeightShapes() {
		weights = append(weights, name)
		args = append(args, tensors.FromFlatDataAndDimensions(c.Init.From.Weights[name].Float32s(), shape...))
	}
	if dead != nil {
		args = append(args, dead)
	}
	out, err := graph.CallOnceN(be, func(in []*graph.Node) []*graph.Node {
		p := dictionary.Pass{Config: c.Dictionary, Weights: make(map[string]*graph.Node)}
		for i, name := range weights {
			p.Weights[name] = in[1+i]
		}
		b := lesson{x: in[0], target: in[0]}
		if c.Objective.Sparsity > 0 {
			b.sparsity = graph.Scalar(in[0].Graph(), dtypes.Float32, c.Objective.Sparsity)
		}
		if dead != nil {
			b.dead = in[len(in)-1]
		}
		var out []*graph.Node
		var total *graph.Node
		for _, t := range recipes[c.Dictionary.Kind].loss(c.Objective, p, b).terms {
			names = append(names, t.name)
			out = append(out, t.value)
			total = sum(total, t.value)
		}
		return append(out, graph.Gradient(total, in[1:1+len(weights)]...)...)
	}, args...)
	if err != nil {
		return nil, nil, err
	}
	terms, grads = make(map[string]float32), make(map[string][]float32)
	for i, name := range names {
		terms[name] = tensors.ToScalar[float32](out[i])
	}
	for i, name := range weights {
		grads[name] = tensors.MustCopyFlatData[float32](out[len(names)+i])
	}
	return terms, grads, nil
}

// RunOn is [Run] on a backend.
func RunOn(ctx context.Context, be compute.Backend, s *Source, c Config) (*Result, error) {
	return run(ctx, s, c, func(ctx context.Context, in train.Instances) (*train.Fitted, error) {
		in.Backend = be
		return train.Fit(ctx, in)
	})
}

// ResumeOn is [Resume] on a backend.
func ResumeOn(ctx context.Context, be compute.Backend, s *Source, c Config) (*Result, error) {
	return run(ctx, s, c, func(ctx context.Context, in train.Instances) (*train.Fitted, error) {
		in.Backend = be
		return train.ResumeFit(ctx, in)
	})
}

// BatchesOf are the first of a source.
func BatchesOf(s *Source, size, from, n int) (x, target [][]float32, err error) {
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	for p, err := range s.batches(context.Background(), size, from) {
		if err != nil {
			return x, target, err
		}
		if x, target = append(x, p.x), append(target, p.target); len(x) == n {
			break
		}
	}
	return x, target, nil
}

// MedianOf is the point whose distances from rows have the smallest sum.
func MedianOf(rows []float32, width int) []float64 { return geometricMedian(rows, width) }

// DrawnOf are the rows that are drawn by their losses.
func DrawnOf(be compute.Backend, losses, draws []float32) []int32 {
	return tensors.MustCopyFlatData[int32](hooked.Must(graph.CallOnce(be, drawn, losses, draws)))
}
