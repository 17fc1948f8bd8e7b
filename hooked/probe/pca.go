package probe

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// Components are the principal components of rows.
type Components struct {
	// Vectors are the directions of greatest variance, [component, d_model] of length 1 and
	// orthogonal, or with the axes of another site. The largest entry of each is positive.
	Vectors *hooked.Tensor

	Variance []float64 // of the rows along each, divided by n - 1
	Share    []float64 // of the whole variance
	Mean     []float64 // of the rows, [d]

	vectors *mat.Dense
}

// PCA finds the first k principal components of rows.
func PCA(rows *Rows, k int) (*Components, error) {
	if err := rows.need(); err != nil {
		return nil, err
	}
	if most := min(rows.n-1, rows.d); k < 1 || k > most {
		return nil, brief.Errorf("PCA of %d components: %d rows of %d numbers have 1 to %d", k, rows.n, rows.d, most)
	}
	x := rows.matrix(count(rows.n))
	c := &Components{Mean: columnMeans(x)}
	subtract(x, c.Mean)
	s, err := spectrumOf(x)
	if err != nil {
		return nil, err
	}
	if len(s.values) < k {
		return nil, brief.Errorf("PCA of %d components: the rows lie in %d dimensions", k, len(s.values))
	}
	whole := 0.0
	for _, v := range s.values {
		whole += v * v
	}
	c.vectors = mat.DenseCopyOf(s.vectors.Slice(0, k, 0, rows.d))
	for i := range k {
		turnUp(c.vectors.RawRowView(i))
		variance := s.values[i] * s.values[i]
		c.Variance = append(c.Variance, variance/float64(rows.n-1))
		c.Share = append(c.Share, variance/whole)
	}
	c.Vectors, err = rows.tensor(c.vectors, "component")
	return c, err
}

// turnUp makes the largest entry positive.
func turnUp(v []float64) {
	largest := 0.0
	for _, x := range v {
		if math.Abs(x) > math.Abs(largest) {
			largest = x
		}
	}
	if largest < 0 {
		floats.Scale(-1, v)
	}
}

// Project are the coordinates of rows along the components, [row][component], counted from the
// mean.
func (c *Components) Project(rows *Rows) ([][]float64, error) {
	if c == nil || c.vectors == nil {
		return nil, brief.Errorf("the components are nil or empty: look at the error of PCA")
	}
	_, d := c.vectors.Dims()
	if err := rows.fits(d, "PCA"); err != nil {
		return nil, err
	}
	x := rows.matrix(count(rows.n))
	subtract(x, c.Mean)
	return rowsOf(linear{c.vectors, make([]float64, len(c.Variance))}.scores(x)), nil
}

// FirstComponent is the first principal component as a probe for two classes, found without their
// labels: these tell only which way it points, and the threshold, halfway between the means.
type FirstComponent struct{}

// String names the method.
func (FirstComponent) String() string { return "FirstComponent" }

func (FirstComponent) logits() bool { return false }

func (FirstComponent) record() methodRecord { return methodRecord{} }

func (FirstComponent) fit(p problem) (linear, error) {
	if p.classes != 2 {
		return linear{}, brief.Errorf("FirstComponent tells two classes apart, there are %d: take another method", p.classes)
	}
	means, _ := classMeans(p)
	subtract(p.x, columnMeans(p.x))
	s, err := spectrumOf(p.x)
	if err != nil {
		return linear{}, err
	}
	_, d := p.x.Dims()
	w := mat.DenseCopyOf(s.vectors.Slice(0, 1, 0, d))
	direction := w.RawRowView(0)
	zero, one := floats.Dot(direction, means.RawRowView(0)), floats.Dot(direction, means.RawRowView(1))
	if one < zero {
		floats.Scale(-1, direction)
		zero, one = -zero, -one
	}
	return linear{w, []float64{-(zero + one) / 2}}, nil
}

// A spectrum is the singular value decomposition of centred rows, without what is rounding.
type spectrum struct {
	values  []float64  // the largest first
	vectors *mat.Dense // [r, d]: right singular vectors
}

// spectrumOf decomposes x [n, d] by way of xᵀx, in no more dimensions than there are rows.
func spectrumOf(x *mat.Dense) (spectrum, error) {
	n, d := x.Dims()
	basis := (*mat.Dense)(nil)
	if d > n {
		x, basis = inRowSpace(x)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(gram(x, 1, 0), true) {
		return spectrum{}, brief.Errorf("the eigenvalues of %d rows of %d numbers did not converge", n, d)
	}
	values := eigen.Values(nil) // the smallest first
	m := len(values)
	largest := values[m-1]
	if !(largest > 0) {
		return spectrum{}, brief.Errorf("all %d rows are the same: they have no direction", n)
	}
	s := spectrum{}
	for i := m - 1; i >= 0 && values[i] > largest*float64(max(n, d))*epsilon; i-- {
		s.values = append(s.values, math.Sqrt(values[i]))
	}
	var all mat.Dense
	eigen.VectorsTo(&all)
	s.vectors = mat.NewDense(len(s.values), m, nil)
	for i := range s.values {
		s.vectors.SetRow(i, mat.Col(nil, m-1-i, &all))
	}
	if basis != nil {
		var wide mat.Dense
		wide.Mul(s.vectors, basis)
		s.vectors = &wide
	}
	return s, nil
}

const epsilon = 0x1p-52 // of float64
