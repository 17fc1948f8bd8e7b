package train

import (
	"context"
	"errors"
	"iter"
	"math"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Point is what is known of a step after it.
type Point struct {
	Step         int     // from 1
	Loss         float64 // of the batch, before the step
	GradientNorm float64 // of all trained weights together, before clipping
	LearningRate float64
	Tokens       int // read in this step

	// Eval is what an [Evaluation] after the step has measured, by name; nil if there was none.
	Eval map[string]float64
}

func (p Point) check() error {
	for _, v := range []struct {
		what  string
		value float64
	}{{"loss", p.Loss}, {"norm of the gradients", p.GradientNorm}} {
		if math.IsNaN(v.value) || math.IsInf(v.value, 0) {
			return brief.Errorf("step %d: the %s is %v: %w (a smaller learning rate, a warm-up or Clip may help)", p.Step, v.what, v.value, ErrDiverged)
		}
	}
	return nil
}

// A Report is what [Config.OnStep] gets: the step, and the model as it is after it.
type Report struct {
	Point
	Curve []Point // of all steps of this process so far, this one included
	f     *fit
}

// Model is a copy of the model after the step.
func (r *Report) Model() (*hooked.Model, error) { return r.f.reached(true) }

// A Result is a training that has ended.
type Result struct {
	Model *hooked.Model // with the weights that were reached
	Steps int           // taken in all
	Curve []Point       // of the steps that were taken in this process
}

// Run trains a model, which stays as it is: the result is another that shares its compiled
// programs, its tokenizer and the weights that were not trained.
//
// If ctx is done, or a step fails, Run returns an error and beside it what was reached: the result
// is nil only where nothing was. A checkpoint is written then too, if there is a folder for it. In
// a notebook, signal.NotifyContext(ctx, os.Interrupt) makes a context of the stop button.
func Run(ctx context.Context, m *hooked.Model, cfg Config) (*Result, error) {
	f, err := newFit(m, cfg)
	if err != nil {
		return nil, wrapped(err)
	}
	return f.run(ctx, f.newFolder)
}

// Resume goes on with a training from the newest checkpoint of its folder, to the same weights as
// if it had not been interrupted. Model and configuration are those that the training began with;
// more Steps may be asked for.
func Resume(ctx context.Context, m *hooked.Model, cfg Config) (*Result, error) {
	f, err := newFit(m, cfg)
	if err != nil {
		return nil, wrapped(err)
	}
	if err := f.load(); err != nil {
		return nil, wrapped(err)
	}
	return f.run(ctx, func() error { return nil })
}

// Losses are those of a curve's steps, for a figure of lines.
func Losses(curve []Point) []float64 {
	all := make([]float64, len(curve))
	for i, p := range curve {
		all[i] = p.Loss
	}
	return all
}

func wrapped(err error) error { return brief.Errorf("train: %w", err) }

// run trains to the end and hands over what was reached. It calls claim once the first batch is
// found good: a folder is not taken for a training that could not begin.
func (f *fit) run(ctx context.Context, claim func() error) (*Result, error) {
	out := &Result{}
	next, stop := iter.Pull2(epochs(f.cfg.Data))
	defer stop()
	first, err := f.ahead(ctx, next)
	if err != nil {
		return nil, wrapped(err)
	}
	for _, step := range []func() error{f.begin, claim} {
		if err := step(); err != nil {
			return nil, wrapped(err)
		}
	}
	failed := f.loop(ctx, out, first, next)
	if errors.Is(failed, errTooLarge) {
		f.unclaim()
	}
	if f.spent || errors.Is(failed, hooked.ErrWorkerGone) {
		return nil, wrapped(failed)
	}
	saved := f.saveLast(failed)
	out.Steps = f.step
	if out.Model, err = f.reached(false); err != nil {
		return nil, wrapped(errors.Join(failed, err))
	}
	for _, err := range []error{failed, saved} {
		if err != nil {
			return out, wrapped(err)
		}
	}
	return out, nil
}

// ahead is the batch of the next step, after those that the steps before a resumption have read. It
// is checked, so that what cannot be read is known before anything is compiled. Where ctx is done
// before, there is no batch, and the loop says so.
func (f *fit) ahead(ctx context.Context, next func() (Batch, error, bool)) (Batch, error) {
	var b Batch
	for i := range f.step + 1 {
		if i < f.step && ctx.Err() != nil {
			return Batch{}, nil
		}
		var err error
		if b, err, _ = next(); err != nil {
			return b, brief.Errorf("the data: %w", err)
		}
	}
	_, err := f.parts(b)
	return b, err
}

// loop takes the steps.
func (f *fit) loop(ctx context.Context, out *Result, b Batch, next func() (Batch, error, bool)) error {
	waiting := patience{limit: f.cfg.Eval.Patience}
	line := newProgress(f.cfg.Progress, f.cfg.Live, f.cfg.Steps, f.step)
	defer line.end()
	for f.step < f.cfg.Steps {
		if err := ctx.Err(); err != nil {
			return brief.Errorf("interrupted after step %d: %w", f.step, context.Cause(ctx))
		}
		point, err := f.train(b)
		if err != nil {
			return err
		}
		if f.evaluates() {
			if point.Eval, err = f.evaluate(ctx); err != nil {
				out.Curve = append(out.Curve, point) // the step is taken
				return brief.Errorf("the evaluation after step %d: %w", f.step, err)
			}
		}
		out.Curve = append(out.Curve, point)
		line.step(point)
		end, err := f.told(out.Curve)
		if err != nil {
			return err
		}
		if end || waiting.over(point) {
			return nil
		}
		if err := f.saveNow(); err != nil {
			return err
		}
		if f.step == f.cfg.Steps {
			return nil
		}
		if b, err, _ = next(); err != nil {
			return brief.Errorf("the data of step %d: %w", f.step+1, err)
		}
	}
	return nil
}

// told calls OnStep, and reports whether it ends the training.
func (f *fit) told(curve []Point) (end bool, err error) {
	if f.cfg.OnStep == nil {
		return false, nil
	}
	p := curve[len(curve)-1]
	err = f.cfg.OnStep(&Report{p, curve, f})
	if errors.Is(err, ErrStop) {
		return true, nil
	}
	if err != nil {
		return false, brief.Errorf("OnStep after step %d: %w", p.Step, err)
	}
	return false, nil
}

// patience counts evaluations without a lower loss.
type patience struct {
	limit, waited int
	best          float64
	some          bool
}

func (w *patience) over(p Point) bool {
	loss, ok := p.Eval[lossMetric]
	if !ok || w.limit == 0 {
		return false
	}
	if !w.some || loss < w.best {
		w.some, w.best, w.waited = true, loss, 0
		return false
	}
	w.waited++
	return w.waited >= w.limit
}
