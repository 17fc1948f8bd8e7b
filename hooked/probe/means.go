package probe

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"gopherlens/internal/brief"
)

// Means is the difference of means: for two classes w = mean of class 1 - mean of class 0, and the
// threshold halfway; for more, the class whose mean is nearest.
//
// With Whiten it is w = Σ⁻¹ (mean 1 - mean 0) with the covariance Σ inside the classes, and the
// threshold where both are equally likely if the classes are normally distributed and as frequent
// as in the training rows: linear discriminant analysis.
type Means struct {
	Whiten bool

	// Shrink, from 0 to 1, mixes Σ with a multiple of the identity that has its trace, for when
	// there are too few rows for it: (1 - Shrink) Σ + Shrink tr(Σ)/d I.
	Shrink float64
}

// String names the method and its settings.
func (m Means) String() string {
	if m.Whiten {
		return brief.Sprintf("Means(whitened, shrink=%v)", m.Shrink)
	}
	return "Means"
}

func (m Means) logits() bool { return m.Whiten }

func (m Means) record() methodRecord { return methodRecord{Means: &m} }

func (m Means) fit(p problem) (linear, error) {
	if !m.Whiten && m.Shrink != 0 {
		return linear{}, brief.Errorf("Means.Shrink would do nothing without Whiten")
	}
	if !(m.Shrink >= 0 && m.Shrink <= 1) {
		return linear{}, brief.Errorf("Means.Shrink is %v: want 0 to 1", m.Shrink)
	}
	means, counts := classMeans(p)
	w := mat.DenseCopyOf(means)
	if m.Whiten {
		if err := m.whiten(w, p, means); err != nil {
			return linear{}, err
		}
	}
	b := make([]float64, p.classes)
	for c := range b {
		b[c] = -floats.Dot(w.RawRowView(c), means.RawRowView(c)) / 2
		if m.Whiten {
			b[c] += math.Log(counts[c] / float64(len(p.labels)))
		}
	}
	return towardsOne(linear{w, b}), nil
}

// classMeans are the means [class, d], and how many rows there are of each.
func classMeans(p problem) (means *mat.Dense, counts []float64) {
	_, d := p.x.Dims()
	means, counts = mat.NewDense(p.classes, d, nil), make([]float64, p.classes)
	for i, label := range p.labels {
		floats.Add(means.RawRowView(label), p.x.RawRowView(i))
		counts[label]++
	}
	for c, n := range counts {
		floats.Scale(1/n, means.RawRowView(c))
	}
	return means, counts
}

// whiten multiplies the rows of w by the inverse of the covariance inside the classes. It changes
// p.x.
func (m Means) whiten(w *mat.Dense, p problem, means *mat.Dense) error {
	n, d := p.x.Dims()
	for i, label := range p.labels {
		floats.Sub(p.x.RawRowView(i), means.RawRowView(label))
	}
	free := n - p.classes
	tooFew := brief.Errorf("the covariance of %d numbers from %d training rows has no inverse: take more rows, Means.Shrink above 0, Ridge or Logistic", d, n)
	if free < d && m.Shrink == 0 {
		return tooFew
	}
	covariance := gram(p.x, (1-m.Shrink)/float64(max(free, 1)), 0)
	if m.Shrink > 0 {
		spread := floats.Norm(p.x.RawMatrix().Data, 2)
		ridge := m.Shrink * spread * spread / float64(max(free, 1)) / float64(d)
		for i := range d {
			covariance.SetSym(i, i, covariance.At(i, i)+ridge)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(covariance) || chol.Cond() > mostCondition {
		return tooFew
	}
	var solved mat.Dense
	if err := chol.SolveTo(&solved, w.T()); err != nil {
		return tooFew
	}
	w.Copy(solved.T())
	return nil
}

// mostCondition bounds the condition of a covariance that is inverted: beyond it the result is
// rounding.
const mostCondition = 1e13

// towardsOne is two classes' scores as one: that of class 1 less that of class 0. More are left.
func towardsOne(l linear) linear {
	if len(l.b) != 2 {
		return l
	}
	_, d := l.w.Dims()
	w := mat.NewDense(1, d, nil)
	floats.SubTo(w.RawRowView(0), l.w.RawRowView(1), l.w.RawRowView(0))
	return linear{w, []float64{l.b[1] - l.b[0]}}
}
