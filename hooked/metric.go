package hooked

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// A Metric is a scalar computed from a run's logits inside the run's own program: what a gradient is taken of, and what
// a patching sweep measures.
type Metric struct {
	positions []int
	values    []any
	f         func(logits *Node, values []*Node) *Node

	names []string // of the graph inputs that hold the values, once a run has uploaded them
	kinds []inputKind
}

// NewMetric is a metric of the logits at some positions (negative ones count from the end; none for all). f gets them as
// [batch, len(positions), d_vocab], and the values as graph nodes; it returns one number per prompt [batch] or a scalar.
func NewMetric(positions []int, f func(logits *Node, values []*Node) *Node, values ...any) Metric {
	return Metric{positions: positions, f: f, values: values}
}

// LogitDiff is the logit of each prompt's right answer minus that of its wrong one, at the last position: answers is
// [batch][2], right and wrong token.
func LogitDiff(answers Tokens) Metric {
	return NewMetric([]int{-1}, func(logits *Node, values []*Node) *Node {
		batch, vocab := logits.Shape().Dim(0), logits.Shape().Dim(2)
		if d := values[0].Shape().Dimensions; d[0] != batch || d[1] != 2 {
			panic(fmt.Errorf("LogitDiff: answers have shape %v, want [%d, 2]: the right and the wrong token of each prompt", d, batch))
		}
		last := Reshape(logits, batch, 1, vocab)
		right := pick(last, SliceAxis(values[0], 1, AxisRange(0, 1)))
		wrong := pick(last, SliceAxis(values[0], 1, AxisRange(1, 2)))
		return Reshape(Sub(right, wrong), batch)
	}, answers)
}

// apply builds the metric in a run's graph and averages it over prompts.
func (m *Metric) apply(b *builder, logits *Node) *Node {
	values := make([]*Node, len(m.names))
	for i, name := range m.names {
		values[i] = b.input(name, m.kinds[i].dtype, m.kinds[i].dims...)
	}
	return ReduceAllMean(m.f(logits, values))
}

// setMetric uploads the values of the run's metric, if it has one.
func (j *job) setMetric() (err error) {
	if j.plan.metric == nil {
		return nil
	}
	metric := *j.plan.metric
	j.req.logitsAt = metric.positions
	metric.names, metric.kinds, err = j.setValues("metric", metric.values)
	j.plan.metric = &metric
	return err
}

// RunWithGradients runs the model, computes the metric's mean over prompts, and the gradient of that number with respect
// to the activations that [Gradients] selects, all of them unless told otherwise. The activations themselves are in the
// cache.
func (m *Model) RunWithGradients(input any, metric Metric, options ...Option) (value *Tensor, cache, grads *Cache, err error) {
	out, err := m.forward(input, options, plan{logits: true, metric: &metric}, recordAll, gradAll)
	if err != nil {
		return nil, nil, nil, err
	}
	return out.scalar, out.cache, out.grads, nil
}

// LossWithGradients is [Model.RunWithGradients] of the mean loss.
func (m *Model) LossWithGradients(input any, options ...Option) (loss *Tensor, cache, grads *Cache, err error) {
	out, err := m.forward(input, options, plan{loss: true}, recordAll, gradAll)
	if err != nil {
		return nil, nil, nil, err
	}
	return out.loss, out.cache, out.grads, nil
}

// gradAll asks for the gradient at every site that the run records, where it does not say at which. A run for the
// gradients of weights gets no activations that it did not ask for.
func gradAll(r *request) error {
	r.gradAll = len(r.weightGrads) == 0
	r.recordAll = r.recordAll && r.gradAll
	return nil
}
