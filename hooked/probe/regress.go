package probe

import (
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Regression is a linear function of activations that follows a number.
type Regression struct {
	linear              linear
	frame               *Rows
	Train, Test         Errors
	TrainRows, TestRows []int    // of the rows that it was fitted on
	Notes               []string // what a reader should know of the fit
}

// Errors say how far a regression is off on some rows.
type Errors struct {
	Rows int
	MSE  float64 // mean squared error
	R2   float64 // the share of the targets' variance that it explains; 0 for always saying their mean
}

// Regress fits targets, one for each example or for each row, as in [Fit].
func Regress(rows *Rows, targets []float64, ridge Ridge, split Split) (*Regression, error) {
	of, err := labelled(rows, targets)
	if err != nil {
		return nil, err
	}
	if err := checkTargets(of); err != nil {
		return nil, err
	}
	train, test, err := split.rows(rows, nil)
	if err != nil {
		return nil, err
	}
	if err := checkSpread(of, train, test); err != nil {
		return nil, err
	}
	goal := pick(of, train)
	r := &Regression{frame: rows.like(0), TrainRows: train, TestRows: test, Notes: notes(len(train), rows.d)}
	if r.linear, err = ridge.solve(rows.matrix(train), mat.NewDense(len(goal), 1, pick(of, train))); err != nil {
		return nil, brief.Errorf("fitting %s%s: %w", ridge, rows.at(), err)
	}
	r.Train, r.Test = r.errors(rows.matrix(train), goal), r.errors(rows.matrix(test), pick(of, test))
	return r, nil
}

func (r *Regression) errors(x *mat.Dense, targets []float64) Errors {
	got := r.linear.scores(x)
	off := 0.0
	for i, t := range targets {
		e := got.At(i, 0) - t
		off += e * e
	}
	return Errors{Rows: len(targets), MSE: off / float64(len(targets)), R2: 1 - off/spreadOf(targets)}
}

// spreadOf is the sum of the squared distances from the mean, 0 where all targets are the same.
func spreadOf(targets []float64) float64 {
	if slices.Min(targets) == slices.Max(targets) {
		return 0 // which rounding of the mean would hide
	}
	mean, spread := floats.Sum(targets)/float64(len(targets)), 0.0
	for _, t := range targets {
		spread += (t - mean) * (t - mean)
	}
	return spread
}

// checkSpread refuses a split with a side on which there is nothing to explain: R2 would divide by
// zero.
func checkSpread(targets []float64, train, test []int) error {
	for i, rows := range [][]int{train, test} {
		if side := pick(targets, rows); !(spreadOf(side) > 0) {
			return brief.Errorf("the split leaves %d rows to %s on, with targets that are all %v: R2 takes two that differ; take another seed, another share, or more examples",
				len(rows), []string{"train", "test"}[i], side[0])
		}
	}
	return nil
}

func (r *Regression) need() error {
	if r == nil || r.linear.w == nil {
		return brief.Errorf("the regression is nil or empty: look at the error of Regress")
	}
	return nil
}

// Direction is the direction in which the number grows, [d_model] or with the axes of another site:
// the gradient of what is predicted.
func (r *Regression) Direction() (*hooked.Tensor, error) {
	if err := r.need(); err != nil {
		return nil, err
	}
	return r.frame.vector(mat.Row(nil, 0, r.linear.w))
}

// Intercept is what is predicted of an activation of zeros.
func (r *Regression) Intercept() (float64, error) {
	if err := r.need(); err != nil {
		return 0, err
	}
	return r.linear.b[0], nil
}

// Predict is the number for each row.
func (r *Regression) Predict(rows *Rows) ([]float64, error) {
	if err := r.need(); err != nil {
		return nil, err
	}
	if err := rows.fits(r.frame.d, "the regression"); err != nil {
		return nil, err
	}
	return mat.Col(nil, 0, r.linear.scores(rows.matrix(count(rows.n)))), nil
}
