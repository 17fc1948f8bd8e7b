package hooked

import (
	"math/cmplx"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"
)

// SVD takes the product apart as U diag(S) V^T: U [..., row, rank] and V [..., column, rank] have
// orthonormal columns, S [..., rank] falls. V is V itself; what TransformerLens 2 calls Vh is V
// too, not its transpose. It is computed on the host in double precision, from the factors.
func (f *FactoredMatrix) SVD() (u, s, v *Tensor) {
	a, b := f.A().matrices(), f.B().matrices()
	parts := make([]svd, len(a))
	parallel(len(a), func(i int) {
		parts[i].u, parts[i].s, parts[i].v = factoredSVD(a[i], mat.DenseCopyOf(b[i].T()))
	})
	axes := append(f.A().AxisNames()[:len(f.A().axes)-1], f.B().axes[len(f.B().axes)-1])
	return f.A().eng.fromSVDs(parts, f.A().Shape()[:len(axes)-2], axes)
}

// SVD takes each matrix [..., row, column] apart, as [FactoredMatrix.SVD] does.
func (t *Tensor) SVD() (u, s, v *Tensor) {
	shape := t.Shape()
	if len(shape) < 2 {
		fail("SVD of %v: want a matrix", t.Describe())
	}
	whole := t.matrices()
	parts := make([]svd, len(whole))
	parallel(len(whole), func(i int) { parts[i].u, parts[i].s, parts[i].v = thinSVD(whole[i]) })
	return t.eng.fromSVDs(parts, shape[:len(shape)-2], t.axes)
}

// fromSVDs makes tensors of decompositions of matrices with these leading dimensions and these
// axes.
func (e *engine) fromSVDs(parts []svd, lead []int, axes []string) (u, s, v *Tensor) {
	n := len(axes)
	before, rank := axes[:n-2:n-2], len(parts[0].s)
	s = e.tensorOf(joinFloats(parts, func(p svd) []float64 { return p.s }), append(slices.Clone(lead), rank), append(before, "rank")...)
	u = e.fromMatrices(parts, func(p svd) *mat.Dense { return p.u }, lead, append(before, axes[n-2], "rank"))
	v = e.fromMatrices(parts, func(p svd) *mat.Dense { return p.v }, lead, append(before, axes[n-1], "rank"))
	return u, s, v
}

// S are the singular values, largest first: [..., rank].
func (f *FactoredMatrix) S() *Tensor {
	_, s, _ := f.SVD()
	return s
}

// MakeEven is the same matrix with the singular values shared between both factors: A is U sqrt(S),
// B is sqrt(S) V^T.
func (f *FactoredMatrix) MakeEven() *FactoredMatrix {
	u, s, v := f.SVD()
	root := s.Sqrt()
	return Factored(u.scaleColumns(root), v.scaleColumns(root).swapped())
}

// CollapseL is diag(S) V^T, [..., rank, column]: the matrix but for a rotation of its rows.
func (f *FactoredMatrix) CollapseL() *Tensor {
	_, s, v := f.SVD()
	return v.scaleColumns(s).swapped()
}

// CollapseR is U diag(S), [..., row, rank]: the matrix but for a rotation of its columns.
func (f *FactoredMatrix) CollapseR() *Tensor {
	u, s, _ := f.SVD()
	return u.scaleColumns(s)
}

// scaleColumns is t [..., row, n] times factors [..., n].
func (t *Tensor) scaleColumns(factors *Tensor) *Tensor {
	lead := spaced(batchNames(len(t.axes) - 2))
	return t.Einsum(lead+" row n, "+lead+" n -> "+lead+" row n", factors).Named(spaced(t.axes))
}

// Eigenvalues are those of the product that can differ from zero, [..., rank], largest modulus
// first: real and imaginary part. The product must be square.
func (f *FactoredMatrix) Eigenvalues() (re, im *Tensor) {
	shape := f.Shape()
	n := len(shape)
	if shape[n-1] != shape[n-2] {
		fail("Eigenvalues of a matrix of shape %v: it must be square", shape)
	}
	return f.BA().eigenvalues()
}

// eigenvalues are those of each matrix [..., n, n].
func (t *Tensor) eigenvalues() (re, im *Tensor) {
	small := t.matrices()
	parts := make([][]complex128, len(small))
	parallel(len(small), func(i int) { parts[i] = eigenvalues(small[i]) })
	var reals, imags []float32
	for _, values := range parts {
		for _, v := range values {
			reals, imags = append(reals, float32(real(v))), append(imags, float32(imag(v)))
		}
	}
	dims, axes := t.Shape()[:len(t.axes)-1], append(slices.Clone(t.axes[:len(t.axes)-2]), "rank")
	return t.eng.tensorOf(reals, dims, axes...), t.eng.tensorOf(imags, slices.Clone(dims), slices.Clone(axes)...)
}

func eigenvalues(m *mat.Dense) []complex128 {
	var eigen mat.Eigen
	if !eigen.Factorize(m, mat.EigenNone) {
		fail("the eigenvalues of a matrix of %v did not converge", m.RawMatrix().Rows)
	}
	values := eigen.Values(nil)
	slices.SortStableFunc(values, func(a, b complex128) int {
		switch d := cmplx.Abs(b) - cmplx.Abs(a); {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
	return values
}

// matrices are the last two axes on the host, one matrix for each entry of the leading ones.
func (t *Tensor) matrices() []*mat.Dense {
	shape := t.Shape()
	rows, columns := shape[len(shape)-2], shape[len(shape)-1]
	values := t.Float32s()
	out := make([]*mat.Dense, len(values)/(rows*columns))
	for i := range out {
		wide := make([]float64, rows*columns)
		for k, v := range values[i*rows*columns : (i+1)*rows*columns] {
			wide[k] = float64(v)
		}
		out[i] = mat.NewDense(rows, columns, wide)
	}
	return out
}

// svd are the parts of U diag(s) V^T.
type svd struct {
	u, v *mat.Dense
	s    []float64
}

// parallel calls f for 0 to n-1, several at a time. A panic in one call is passed on.
func parallel(n int, f func(i int)) {
	const workers = 8
	var wait sync.WaitGroup
	var mu sync.Mutex
	var first any
	for w := range min(workers, n) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer func() {
				if r := recover(); r != nil {
					mu.Lock()
					first = r
					mu.Unlock()
				}
			}()
			for i := w; i < n; i += workers {
				f(i)
			}
		}()
	}
	wait.Wait()
	if first != nil {
		panic(first)
	}
}

func joinFloats(parts []svd, of func(svd) []float64) []float32 {
	var out []float32
	for _, p := range parts {
		out = append(out, narrow(of(p))...)
	}
	return out
}

func (e *engine) fromMatrices(parts []svd, of func(svd) *mat.Dense, lead []int, axes []string) *Tensor {
	rows, columns := of(parts[0]).Dims()
	var data []float32
	for _, p := range parts {
		data = append(data, narrow(of(p).RawMatrix().Data)...)
	}
	return e.tensorOf(data, append(slices.Clone(lead), rows, columns), axes...)
}
