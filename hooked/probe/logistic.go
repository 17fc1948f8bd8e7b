package probe

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"

	"gopherlens/internal/brief"
)

// Logistic is logistic regression, for more than two classes softmax regression: the weights that
// minimise |w|²/2 + C Σ cross-entropy, the intercepts left free, as scikit-learn's
// LogisticRegression has it. It is solved to the optimum.
type Logistic struct {
	C           float64 // how much the rows count against the penalty; 0 for 1
	Standardise bool    // the features are divided by their standard deviations first
}

// String names the method and its settings.
func (l Logistic) String() string { return settings("Logistic", "C", l.c(), l.Standardise) }

func (l Logistic) c() float64 {
	if l.C == 0 {
		return 1
	}
	return l.C
}

func (Logistic) logits() bool { return true }

func (l Logistic) record() methodRecord { return methodRecord{Logistic: &l} }

func (l Logistic) fit(p problem) (linear, error) {
	c := l.c()
	if !(c > 0 && c <= math.MaxFloat64) {
		return linear{}, brief.Errorf("Logistic.C is %v: want a positive number", l.C)
	}
	f := featuresOf(p.x, l.Standardise)
	loss := newCrossEntropy(f.x, p, c)
	w, b, err := loss.minimum()
	if err != nil {
		return linear{}, err
	}
	return f.back(w, b), nil
}

// crossEntropy is what Logistic minimises, divided by C n: the mean loss of the rows and a small
// penalty.
//
// The solver's coordinates v are not the weights, but v = w Uᵀ, where UᵀU bounds the Hessian from
// above (Böhning 1992, "Multinomial logistic regression algorithm"): in these no direction is much
// steeper than another, as the directions of activations are by orders of magnitude.
type crossEntropy struct {
	x       *mat.Dense // [n, m]
	labels  []int
	k       int // rows of weights: 1 for two classes
	penalty float64
	u       mat.TriDense
	step    float64 // of the intercepts, which have no penalty

	w, pull, s, g *mat.Dense // weights, the penalty's gradient, scores and then their derivatives, gradient
}

func newCrossEntropy(x *mat.Dense, p problem, c float64) *crossEntropy {
	n, m := x.Dims()
	l := &crossEntropy{x: x, labels: p.labels, k: p.outputs(), penalty: 1 / (c * float64(n))}
	curvature := 0.25 // of the logistic function; of softmax 1/2
	if l.k > 1 {
		curvature = 0.5
	}
	l.step = 1 / math.Sqrt(curvature)
	var chol mat.Cholesky
	bound := gram(x, curvature/float64(n), l.penalty)
	if !chol.Factorize(bound) { // the penalty is lost in rounding
		trace := mat.Trace(bound)
		for i := range m {
			bound.SetSym(i, i, bound.At(i, i)+1e-14*trace)
		}
		chol.Factorize(bound)
	}
	chol.UTo(&l.u)
	l.w, l.pull = mat.NewDense(l.k, m, nil), mat.NewDense(l.k, m, nil)
	l.s, l.g = mat.NewDense(n, l.k, nil), mat.NewDense(l.k, m, nil)
	return l
}

// weights are those of the solver's coordinates, which are k rows of m and k intercepts.
func (l *crossEntropy) weights(v []float64) (w *mat.Dense, b []float64) {
	k, m := l.w.Dims()
	l.w.Copy(mat.NewDense(k, m, v[:k*m]))
	l.solve(l.w, blas.Trans)
	b = make([]float64, k)
	floats.ScaleTo(b, l.step, v[k*m:])
	return l.w, b
}

// solve divides rows by Uᵀ, or by U.
func (l *crossEntropy) solve(rows *mat.Dense, by blas.Transpose) {
	blas64.Trsm(blas.Right, by, 1, l.u.RawTriangular(), rows.RawMatrix())
}

// at is the value at v; gradient, if there is one, gets the gradient.
func (l *crossEntropy) at(v, gradient []float64) float64 {
	w, b := l.weights(v)
	l.s.Mul(l.x, w.T())
	n, _ := l.s.Dims()
	total := 0.0
	for i := range n {
		row := l.s.RawRowView(i)
		floats.Add(row, b)
		total += l.row(row, l.labels[i])
	}
	norm := mat.Norm(w, 2)
	if gradient != nil {
		l.gradient(w, gradient)
	}
	return total/float64(n) + 0.5*l.penalty*norm*norm
}

// gradient is that at w, after the scores have become their derivatives.
func (l *crossEntropy) gradient(w *mat.Dense, to []float64) {
	n, k := l.s.Dims()
	l.s.Scale(1/float64(n), l.s)
	l.g.Mul(l.s.T(), l.x)
	l.pull.Scale(l.penalty, w)
	l.g.Add(l.g, l.pull)
	_, m := l.g.Dims()
	l.solve(l.g, blas.NoTrans)
	copy(to, l.g.RawMatrix().Data)
	for c := range k {
		to[k*m+c] = l.step * mat.Sum(l.s.ColView(c))
	}
}

// row is the loss of one row; its scores become the derivative.
func (l *crossEntropy) row(scores []float64, label int) float64 {
	if l.k == 1 {
		s := scores[0]
		scores[0] = sigmoid(s) - float64(label)
		return softplus(s) - float64(label)*s
	}
	total, of := floats.LogSumExp(scores), scores[label]
	for c, s := range scores {
		scores[c] = math.Exp(s - total)
	}
	scores[label]--
	return total - of
}

func sigmoid(s float64) float64 { return 1 / (1 + math.Exp(-s)) }

// softplus is log(1 + exp(s)).
func softplus(s float64) float64 { return max(s, 0) + math.Log1p(math.Exp(-math.Abs(s))) }

const (
	mostIterations = 20_000
	goodGradient   = 1e-9 // at which the solver stops, of a mean loss in its coordinates
	fairGradient   = 1e-6 // which it must reach: smaller steps can drown in rounding
)

// minimum are the weights [k, m] and intercepts at the optimum. Those of softmax add up to zero.
func (l *crossEntropy) minimum() (*mat.Dense, []float64, error) {
	k, m := l.w.Dims()
	gradient := make([]float64, k*m+k)
	problem := optimize.Problem{
		Func: func(v []float64) float64 { return l.at(v, nil) },
		Grad: func(to, v []float64) { l.at(v, to) },
	}
	settings := &optimize.Settings{GradientThreshold: goodGradient, MajorIterations: mostIterations, Converger: optimize.NeverTerminate{}}
	found, err := optimize.Minimize(problem, make([]float64, len(gradient)), settings, &optimize.LBFGS{})
	if found == nil {
		return nil, nil, brief.Errorf("the logistic fit: %w", err)
	}
	l.at(found.X, gradient)
	if steepest := floats.Norm(gradient, math.Inf(1)); !(steepest <= fairGradient) {
		return nil, nil, brief.Errorf("the logistic fit did not converge in %d iterations (its gradient is %.2g): take a smaller C or Standardise",
			found.MajorIterations, steepest)
	}
	w, b := l.weights(found.X)
	if k > 1 {
		floats.AddConst(-floats.Sum(b)/float64(k), b)
	}
	return mat.DenseCopyOf(w), b, nil
}
