package hooked

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/internal/fault"
)

// A Metric is a scalar computed from a run's logits inside the run's own program: what
// [Model.Measure] returns, what a gradient is taken of, and what a patching sweep measures.
type Metric struct {
	operands
	positions []int   // of every prompt; none for all
	each      [][]int // of each prompt, in place of positions
	f         func(logits *Node, values []*Node) *Node
	line      string // of the user's code, where it was made
	data      *MetricData
}

// NewMetric is a metric of the logits at some positions, none for all. f gets them as [batch,
// len(positions), d_vocab], and the values (see [Value]) as graph nodes; it returns one number per
// prompt [batch] or a scalar, and nothing else is taken.
//
// Negative positions count from the last token of each prompt: of texts, and under an attention
// mask, pads are left out. A position that is a pad's is refused, and so is one among tokens that
// end in pad tokens if nothing tells whether they are meant; [Metric.At] names the positions of
// each prompt.
//
// In a run with gradients f may look at any activation with [Earlier]: so the gradient is taken of
// a neuron, or of a dictionary's feature, at every activation before it.
//
//	hooked.NewMetric(nil, func(logits *graph.Node, _ []*graph.Node) *graph.Node {
//		return graph.ReduceAllSum(hooked.Earlier("blocks.5.mlp.hook_post", logits))
//	})
func NewMetric(positions []int, f func(logits *Node, values []*Node) *Node, values ...Operand) Metric {
	return Metric{operands: operandsOf(values), positions: positions, f: f, line: fault.UsersLine()}
}

// At is the same metric at positions of each prompt, [batch][n], counted from the beginning of its
// row:
//
//	hooked.LogitDiff(answers).At(model.EndsOf(tokens))
func (m Metric) At(positions [][]int) Metric {
	// not nil, which would be all positions
	m.positions, m.each = nil, append([][]int{}, positions...)
	return m.redescribed(func(d *MetricData) { d.Each = m.each })
}

// LogitDiff is the logit of each prompt's right answer minus that of its wrong one, at its last
// token: answers is [batch][2], right and wrong token. It takes one position a prompt.
func LogitDiff(answers Tokens) Metric {
	return NewMetric([]int{-1}, func(logits *Node, values []*Node) *Node {
		checkAnswers(answers, logits)
		batch := logits.Shape().Dim(0)
		right := pick(logits, SliceAxis(values[0], 1, AxisRange(0, 1)))
		wrong := pick(logits, SliceAxis(values[0], 1, AxisRange(1, 2)))
		return Reshape(Sub(right, wrong), batch)
	}, Value(answers)).described(MetricData{Kind: "LogitDiff", Tokens: answers})
}

// checkAnswers panics if a right and a wrong token of each prompt are not what answers are.
func checkAnswers(answers Tokens, logits *Node) {
	batch, n, vocab := logits.Shape().Dim(0), logits.Shape().Dim(1), logits.Shape().Dim(2)
	if shape := answers.Shape(); shape[0] != batch || shape[1] != 2 {
		exceptions.Panicf("LogitDiff: answers have shape %v, want [%d, 2]: the right and the wrong token of each prompt", shape, batch)
	}
	for i, id := range slices.Concat(answers...) {
		if id < 0 || id >= vocab {
			exceptions.Panicf("LogitDiff: the answer %d of prompt %d is outside the vocabulary of %d", id, i/2, vocab)
		}
	}
	if n != 1 {
		exceptions.Panicf("LogitDiff looks at one position of each prompt, not at %d", n)
	}
}

// apply builds the metric in a run's graph and averages it over prompts.
func (m *Metric) apply(b *builder, logits *Node) *Node {
	var out *Node
	named("the metric", m.line, func() {
		b.during(editing{}, func() { out = m.f(logits, m.nodes(b)) })
		if out == nil {
			exceptions.Panicf("its function returned nil")
		}
		batch, shape := logits.Shape().Dim(0), out.Shape()
		if !shape.DType.IsFloat() || shape.Rank() > 0 && !slices.Equal(shape.Dimensions, []int{batch}) {
			exceptions.Panicf("it has shape %s: want one number for each of the %d prompts, [%d], or a scalar", shape, batch, batch)
		}
	})
	return ReduceAllMean(ConvertDType(out, dtypes.Float32))
}

// setMetric finds the positions of the run's metric, if it has one, and uploads its values.
func (r *run) setMetric() (err error) {
	if r.plan.metric == nil {
		return nil
	}
	metric := *r.plan.metric
	if r.logitsAt, err = metric.places(r); err != nil {
		return err
	}
	if metric.f == nil {
		return fmt.Errorf("the metric has no function: make it with NewMetric or LogitDiff")
	}
	metric.operands, err = metric.uploaded(r.in, "metric")
	r.plan.metric = &metric
	return err
}

// Measure runs the model and computes the metric's mean over prompts: a scalar, and nothing else of
// the run. A metric that is not a number is an error.
//
//	silent := hooked.Edit(hooked.AttnZ.At(9), hooked.ZeroHead(6))
//	hooked.Must(model.Measure(prompts, hooked.LogitDiff(answers), silent)).Item()
func (m *Model) Measure(input any, metric Metric, options ...Option) (*Tensor, error) {
	out, err := m.measured(input, metric, options, verbMeasure)
	if err != nil {
		return nil, err
	}
	return out.scalar, nil
}

// RunWithGradients is [Model.Measure] with the gradient of that number with respect to the
// activations that [Gradients] selects, all of them unless told otherwise. The activations
// themselves are in the cache.
func (m *Model) RunWithGradients(input any, metric Metric, options ...Option) (value *Tensor, cache, grads *Cache, err error) {
	out, err := m.measured(input, metric, options, verbRunWithGradients)
	if err != nil {
		return nil, nil, nil, err
	}
	return out.scalar, out.cache, out.grads, nil
}

// measured does a run with a metric.
func (m *Model) measured(input any, metric Metric, options []Option, v verb) (*results, error) {
	v.plan.metric = &metric
	out, err := m.forward(input, options, v)
	if err != nil {
		return nil, err
	}
	var number float32
	if err := Try(func() { number = out.scalar.Item() }); err != nil {
		return nil, err
	}
	if math.IsNaN(float64(number)) {
		return nil, fmt.Errorf("the metric is NaN: some logit that it looks at is, or the metric's own arithmetic")
	}
	return out, nil
}

// LossWithGradients is [Model.RunWithGradients] of the mean loss.
func (m *Model) LossWithGradients(input any, options ...Option) (loss *Tensor, cache, grads *Cache, err error) {
	out, err := m.forward(input, options, verbLossWithGradients)
	if err != nil {
		return nil, nil, nil, err
	}
	return out.loss, out.cache, out.grads, nil
}

// gradAll asks for the gradient at every site that the run records, where it does not say at which.
// A run for the gradients of weights gets no activations that it did not ask for.
func gradAll(r *request) error {
	r.gradAll = len(r.weightGrads) == 0
	r.recordAll = r.recordAll && r.gradAll
	return nil
}
