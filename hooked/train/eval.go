package train

import (
	"context"
	"maps"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/internal/brief"
)

// lossMetric is the name of the training's loss in evaluations.
const lossMetric = "loss"

// metricNames are those of the metrics, sorted.
func (f *fit) metricNames() []string { return slices.Sorted(maps.Keys(f.cfg.Eval.Metrics)) }

// evaluates reports whether an evaluation follows the last step that was taken.
func (f *fit) evaluates() bool {
	e := f.cfg.Eval
	return e.Data != nil && (f.step == f.cfg.Steps || e.Every > 0 && f.step%e.Every == 0)
}

// evaluate measures loss and metrics: the mean over the batches, each counted by its rows.
func (f *fit) evaluate(ctx context.Context) (map[string]float64, error) {
	names := append([]string{lossMetric}, f.metricNames()...)
	sums := make([]float64, len(names))
	rows := 0
	for b, err := range f.cfg.Eval.Data {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		values, err := f.measure(b)
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			sums[i] += v * float64(len(b.Tokens))
		}
		rows += len(b.Tokens)
	}
	if rows == 0 {
		return nil, brief.Errorf("the data to evaluate on has no batches")
	}
	out := make(map[string]float64)
	for i, name := range names {
		out[name] = sums[i] / float64(rows)
	}
	return out, nil
}

// measure computes loss and metrics of a batch.
func (f *fit) measure(b Batch) ([]float64, error) {
	in, err := b.feed(f.model.Config(), f.knownLabels(), f.knownLabels())
	if err != nil {
		return nil, err
	}
	for _, l := range f.losses() {
		if err := l.check(b, f.model.Config()); err != nil {
			return nil, err
		}
	}
	exec, err := f.evalOf(in.layout())
	if err != nil {
		return nil, err
	}
	arrays, err := in.tensors(f.main.graphs.Backend())
	if err != nil {
		return nil, err
	}
	args := make([]any, len(arrays))
	for i, t := range arrays {
		args[i] = t
	}
	var values []float64
	err = exceptions.TryCatch[error](func() {
		outputs, err := exec.Call(args...)
		must(err)
		for _, t := range outputs {
			values = append(values, float64(tensors.ToScalar[float32](t)))
			must(t.FinalizeAll())
		}
		for _, t := range arrays {
			must(t.FinalizeAll())
		}
	})
	return values, err
}

// knownLabels are those that loss and metrics read.
func (f *fit) knownLabels() []string { return Sum(f.losses()...).Labels }

// evalOf is the program that measures batches of a layout.
func (f *fit) evalOf(l layout) (*model.Exec, error) {
	if exec, ok := f.evals[l]; ok {
		return exec, nil
	}
	exec, err := model.NewExec(f.main.graphs.Backend(), f.store, func(_ *model.Scope, in []*Node) []*Node {
		losses := f.losses()
		p := f.pass(l, in, losses...)
		out := make([]*Node, len(losses))
		for i, one := range losses {
			out[i] = one.scalar(p)
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	f.evals[l] = exec
	return exec, nil
}
