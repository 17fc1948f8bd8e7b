package probe

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"gopherlens/internal/brief"
)

// Ridge is least squares with a penalty: the weights that minimise |t - X w - b|² + Alpha |w|², the
// intercept left free, as scikit-learn's Ridge. For classes the target t is 1 in a class and -1
// elsewhere (RidgeClassifier); [Regress] has targets of its own.
type Ridge struct {
	Alpha       float64 // the penalty; 0 for 1
	Standardise bool    // the features are divided by their standard deviations first
}

// String names the method and its settings.
func (r Ridge) String() string { return settings("Ridge", "alpha", r.alpha(), r.Standardise) }

func (r Ridge) alpha() float64 {
	if r.Alpha == 0 {
		return 1
	}
	return r.Alpha
}

func (Ridge) logits() bool { return false }

func (r Ridge) record() methodRecord { return methodRecord{Ridge: &r} }

func (r Ridge) fit(p problem) (linear, error) {
	k := p.outputs()
	targets := mat.NewDense(len(p.labels), k, nil)
	for i, label := range p.labels {
		for c := range k {
			t := -1.0
			if label == c || k == 1 && label == 1 {
				t = 1
			}
			if k == 1 && label == 0 {
				t = -1
			}
			targets.Set(i, c, t)
		}
	}
	return r.solve(p.x, targets)
}

// solve changes both x [n, d] and the targets [n, k].
func (r Ridge) solve(x, targets *mat.Dense) (linear, error) {
	alpha := r.alpha()
	if !(alpha > 0 && alpha <= math.MaxFloat64) {
		return linear{}, brief.Errorf("Ridge.Alpha is %v: want a positive number", r.Alpha)
	}
	f := featuresOf(x, r.Standardise)
	mean := columnMeans(targets)
	subtract(targets, mean)
	var chol mat.Cholesky
	if !chol.Factorize(gram(f.x, 1, alpha)) {
		return linear{}, brief.Errorf("Ridge.Alpha is %v, which is lost in rounding beside activations of this size: take a larger one", r.Alpha)
	}
	var products, w mat.Dense
	products.Mul(f.x.T(), targets)
	if err := chol.SolveTo(&w, &products); err != nil {
		return linear{}, brief.Errorf("Ridge with Alpha %v: the equations are too ill conditioned (%w): take a larger one", r.Alpha, err)
	}
	return f.back(mat.DenseCopyOf(w.T()), mean), nil
}
