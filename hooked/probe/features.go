package probe

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"
)

// features are rows as the solvers get them: centred, scaled if that was asked for, and in no more
// dimensions than there are rows.
type features struct {
	x     *mat.Dense // [n, m]
	mean  []float64  // [d]
	scale []float64  // [d], nil for ones
	// The row space, [m, d] with orthonormal rows, where there are fewer rows than dimensions. A
	// penalty on the norm keeps the optimum inside it.
	basis *mat.Dense
}

// featuresOf changes x.
func featuresOf(x *mat.Dense, standardise bool) *features {
	f := &features{x: x, mean: columnMeans(x)}
	subtract(x, f.mean)
	n, d := x.Dims()
	if standardise {
		f.scale = deviations(x)
		for i := range n {
			row := x.RawRowView(i)
			for k := range row {
				row[k] /= f.scale[k]
			}
		}
	}
	if d > n {
		f.x, f.basis = inRowSpace(x)
	}
	return f
}

func columnMeans(x *mat.Dense) []float64 {
	n, d := x.Dims()
	mean := make([]float64, d)
	for i := range n {
		for k, v := range x.RawRowView(i) {
			mean[k] += v
		}
	}
	for k := range mean {
		mean[k] /= float64(n)
	}
	return mean
}

func subtract(x *mat.Dense, mean []float64) {
	n, _ := x.Dims()
	for i := range n {
		row := x.RawRowView(i)
		for k := range row {
			row[k] -= mean[k]
		}
	}
}

// deviations are the standard deviations of centred columns, as scikit-learn's StandardScaler has
// them: divided by n, and 1 for a column that is constant.
func deviations(x *mat.Dense) []float64 {
	n, d := x.Dims()
	out := make([]float64, d)
	for i := range n {
		for k, v := range x.RawRowView(i) {
			out[k] += v * v
		}
	}
	for k := range out {
		if out[k] = math.Sqrt(out[k] / float64(n)); out[k] == 0 {
			out[k] = 1
		}
	}
	return out
}

// inRowSpace is x [n, d] with n < d as coordinates [n, n] in an orthonormal basis [n, d] of a space
// that holds its rows: the QR decomposition of the transpose.
func inRowSpace(x *mat.Dense) (coordinates, basis *mat.Dense) {
	n, d := x.Dims()
	t := mat.DenseCopyOf(x.T())
	a, tau := t.RawMatrix(), make([]float64, n)
	work := make([]float64, 1)
	lapack64.Geqrf(a, tau, work, -1)
	work = make([]float64, max(int(work[0]), n))
	lapack64.Geqrf(a, tau, work, len(work))
	coordinates = mat.NewDense(n, n, nil) // the transpose of R
	for i := range n {
		for k := range i + 1 {
			coordinates.Set(i, k, t.At(k, i))
		}
	}
	lapack64.Orgqr(a, tau, work, len(work))
	basis = mat.NewDense(n, d, nil)
	basis.Copy(t.T())
	return coordinates, basis
}

// back are weights [k, m] and intercepts on features as those on activations, [k, d].
func (f *features) back(w *mat.Dense, b []float64) linear {
	if f.basis != nil {
		var wide mat.Dense
		wide.Mul(w, f.basis)
		w = &wide
	}
	k, d := w.Dims()
	out := linear{w: mat.NewDense(k, d, nil), b: make([]float64, k)}
	for i := range k {
		to := out.w.RawRowView(i)
		out.b[i] = b[i]
		for c, v := range w.RawRowView(i) {
			if f.scale != nil {
				v /= f.scale[c]
			}
			to[c] = v
			out.b[i] -= v * f.mean[c]
		}
	}
	return out
}

// gram is x^T x · factor + ridge · identity, [m, m].
func gram(x *mat.Dense, factor, ridge float64) *mat.SymDense {
	_, m := x.Dims()
	out := mat.NewSymDense(m, nil)
	blas64.Syrk(blas.Trans, factor, x.RawMatrix(), 0, out.RawSymmetric())
	for i := range m {
		out.SetSym(i, i, out.At(i, i)+ridge)
	}
	return out
}

// A linear is scores of activations x [d]: w x + b, one for each class, or one alone for two
// classes or a target.
type linear struct {
	w *mat.Dense // [k, d]
	b []float64
}

// scores are those of rows, [n, k].
func (l linear) scores(x *mat.Dense) *mat.Dense {
	n, _ := x.Dims()
	out := mat.NewDense(n, len(l.b), nil)
	out.Mul(x, l.w.T())
	for i := range n {
		row := out.RawRowView(i)
		for k := range row {
			row[k] += l.b[k]
		}
	}
	return out
}
