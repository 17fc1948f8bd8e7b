package probe

import (
	"gonum.org/v1/gonum/mat"

	"gopherlens/internal/brief"
)

// An Eraser is an affine map of activations that takes something out of them:
//
//	x - ((x - centre) read) write        read [d, rank], write [rank, d]
//
// [LEACE] and [NullSpace] make one.
type Eraser struct {
	centre      []float64 // [d], nil for zeros
	read, write *mat.Dense
	frame       *Rows
}

// LEACE erases classes from activations: the map that changes the rows least, in the mean squared
// norm, among those after which no linear probe can tell the classes apart better than by always
// answering the same (Belrose et al. 2023, "LEACE: Perfect linear concept erasure in closed form",
// arXiv:2306.03819, theorem 4.3). It is an oblique projection along directions that whitening
// decides.
//
// That holds for the rows that it is fitted on. With more numbers in a row than rows it would hold
// for these alone and say nothing of others, so this is refused.
//
// labels are one for each example or for each row, as in [Fit]. Fit it on the rows of a [Split]'s
// training side, rows.Pick(fitted.TrainRows), to test it on others.
func LEACE(rows *Rows, labels []int) (*Eraser, error) {
	classes, counts, err := readLabels(rows, labels)
	if err != nil {
		return nil, err
	}
	if rows.n <= rows.d {
		return nil, brief.Errorf("LEACE of %d rows of %d numbers%s: the covariance has no inverse, and what is erased from these rows is not erased "+
			"from others: take more rows, or the NullSpace of a probe", rows.n, rows.d, rows.at())
	}
	x := rows.matrix(count(rows.n))
	e := &Eraser{centre: columnMeans(x), frame: rows.like(0)}
	subtract(x, e.centre)
	s, err := spectrumOf(x)
	if err != nil {
		return nil, err
	}
	// whitened covariance of activations and classes, in the coordinates of the singular vectors:
	// w = v s⁻¹ vᵀ up to a factor that drops out
	var along, cross mat.Dense
	along.Mul(s.vectors, x.T())
	cross.Mul(&along, centredClasses(classes, counts))
	r, _ := cross.Dims()
	for i := range r {
		row := cross.RawRowView(i)
		for k := range row {
			row[k] /= s.values[i]
		}
	}
	basis := orthonormal(&cross) // [r, rank]
	if basis == nil {
		return nil, brief.Errorf("LEACE%s: the classes have the same mean, so there is nothing to erase", rows.at())
	}
	_, rank := basis.Dims()
	in, out := mat.NewDense(r, rank, nil), mat.NewDense(r, rank, nil)
	for i := range r {
		for k := range rank {
			in.Set(i, k, basis.At(i, k)/s.values[i])
			out.Set(i, k, basis.At(i, k)*s.values[i])
		}
	}
	e.read, e.write = &mat.Dense{}, &mat.Dense{}
	e.read.Mul(s.vectors.T(), in)
	e.write.Mul(out.T(), s.vectors)
	return e, nil
}

// centredClasses is [row, class] 1 for the row's class, less the mean. The last class follows from
// the others.
func centredClasses(classes, counts []int) *mat.Dense {
	z := mat.NewDense(len(classes), len(counts)-1, nil)
	for i, class := range classes {
		if class < len(counts)-1 {
			z.Set(i, class, 1)
		}
	}
	subtract(z, columnMeans(z))
	return z
}

// orthonormal is a basis of the space of m's columns, [n, rank]; nil if they are zeros.
func orthonormal(m *mat.Dense) *mat.Dense {
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDThin) {
		return nil
	}
	values := svd.Values(nil)
	rank := 0
	for _, v := range values {
		if v > values[0]*rankTolerance {
			rank++
		}
	}
	if rank == 0 {
		return nil
	}
	var u mat.Dense
	svd.UTo(&u)
	n, _ := u.Dims()
	return mat.DenseCopyOf(u.Slice(0, n, 0, rank))
}

// rankTolerance is the share of the largest singular value below which others are rounding.
const rankTolerance = 1e-10

// NullSpace projects onto the space in which probes see nothing: the orthogonal projection that
// takes out their directions. One probe is a step of INLP (Ravfogel et al. 2020, "Null It Out",
// arXiv:2004.07667), and so are several that were fitted one after the other on what the ones
// before had left.
func NullSpace(probes ...*Probe) (*Eraser, error) {
	if len(probes) == 0 {
		return nil, brief.Errorf("NullSpace of no probes")
	}
	var directions mat.Dense // [d, k]
	for i, p := range probes {
		if err := p.need(); err != nil {
			return nil, brief.Errorf("NullSpace: probe %d: %w", i, err)
		}
		if p.frame.d != probes[0].frame.d {
			return nil, brief.Errorf("NullSpace: probe %d is of %d numbers, probe 0 of %d", i, p.frame.d, probes[0].frame.d)
		}
		if i == 0 {
			directions.CloneFrom(p.linear.w.T())
			continue
		}
		joined := &mat.Dense{}
		joined.Augment(&directions, p.linear.w.T())
		directions = *joined
	}
	basis := orthonormal(&directions)
	if basis == nil {
		return nil, brief.Errorf("NullSpace: the probes' directions are zero, so there is nothing to project out")
	}
	return &Eraser{read: basis, write: mat.DenseCopyOf(basis.T()), frame: probes[0].frame}, nil
}

func (e *Eraser) need() error {
	if e == nil || e.read == nil {
		return brief.Errorf("the eraser is nil or empty: look at the error of LEACE or NullSpace")
	}
	return nil
}

// Rank is how many dimensions it takes away: for classes at most one less than there are. 0 for
// nil.
func (e *Eraser) Rank() int {
	if e.need() != nil {
		return 0
	}
	_, rank := e.read.Dims()
	return rank
}

// Apply is what is left of rows.
func (e *Eraser) Apply(rows *Rows) (*Rows, error) {
	if err := e.need(); err != nil {
		return nil, err
	}
	if err := rows.fits(e.frame.d, "the eraser"); err != nil {
		return nil, err
	}
	out, err := rows.Pick(count(rows.n))
	if err != nil {
		return nil, err
	}
	x := rows.matrix(count(rows.n))
	if e.centre != nil {
		subtract(x, e.centre)
	}
	var inside, gone mat.Dense
	inside.Mul(x, e.read)
	gone.Mul(&inside, e.write)
	for i := range rows.n {
		row := out.row(i)
		for k, v := range gone.RawRowView(i) {
			row[k] = float32(float64(row[k]) - v)
		}
	}
	return out, nil
}
