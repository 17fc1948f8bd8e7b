package hooked

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// refactorFactored gives each head's QK and OV circuit the basis of its singular vectors: the n-th
// columns of W_Q and W_K become the n-th singular vectors of W_Q W_Kᵀ (biases as one more row),
// each with half of the singular value; W_O gets orthonormal rows and W_V all of the singular
// values. Scores and outputs stay as they are; q, k, v and z do not, and are defined only up to
// sign.
func refactorFactored(c Config, sd StateDict) {
	for l := range c.NLayers {
		p := blockPrefix(l)
		if sd[p+"attn.W_Q"] == nil {
			continue
		}
		foldValueBiases(c, sd)
		for h := range c.NHeads {
			refactorQK(c, sd, p, h)
			refactorOV(c, sd, p, h)
		}
	}
}

func refactorQK(c Config, sd StateDict, p string, h int) {
	q, k := withBias(c, sd, p, "Q", h), withBias(c, sd, p, "K", h)
	u, s, v := factoredSVD(q, k)
	root := make([]float64, len(s))
	for i := range s {
		root[i] = math.Sqrt(s[i])
	}
	scaleColumns(u, root)
	scaleColumns(v, root)
	setWithBias(c, sd, p, "Q", h, u)
	setWithBias(c, sd, p, "K", h, v)
}

func refactorOV(c Config, sd StateDict, p string, h int) {
	wV, wO := readingMatrix(sd[p+"attn.W_V"], h), headMatrix(sd[p+"attn.W_O"], h)
	u, s, v := factoredSVD(wV, mat.DenseCopyOf(wO.T()))
	scaleColumns(u, s)
	setReadingMatrix(sd[p+"attn.W_V"], h, u)
	setHeadMatrix(sd[p+"attn.W_O"], h, v.T())
}

// factoredSVD is the thin singular value decomposition u diag(s) vᵀ of a bᵀ, for a and b [rows, k],
// k small: from those of the factors, so that the product is never built.
func factoredSVD(a, b *mat.Dense) (u *mat.Dense, s []float64, v *mat.Dense) {
	ua, sa, va := thinSVD(a)
	ub, sb, vb := thinSVD(b)
	scaleColumns(va, sa)
	scaleColumns(vb, sb)
	var middle mat.Dense // diag(sa) vaᵀ vb diag(sb)
	middle.Mul(va.T(), vb)
	um, s, vm := thinSVD(&middle)
	u, v = new(mat.Dense), new(mat.Dense)
	u.Mul(ua, um)
	v.Mul(ub, vm)
	return u, s, v
}

func thinSVD(a *mat.Dense) (u *mat.Dense, s []float64, v *mat.Dense) {
	var svd mat.SVD
	if !svd.Factorize(a, mat.SVDThin) {
		fail("the singular value decomposition did not converge: the matrix holds NaN or infinity")
	}
	u, v = new(mat.Dense), new(mat.Dense)
	svd.UTo(u)
	svd.VTo(v)
	return u, svd.Values(nil), v
}

func scaleColumns(m *mat.Dense, s []float64) {
	m.Apply(func(_, j int, x float64) float64 { return x * s[j] }, m)
}

// headMatrix is head h of W_O [head, d_head, d_model].
func headMatrix(w *Array, h int) *mat.Dense {
	m := mat.NewDense(w.Shape[1], w.Shape[2], nil)
	m.Apply(func(i, j int, _ float64) float64 { return float64(w.at(h, i, j)[0]) }, m)
	return m
}

func setHeadMatrix(w *Array, h int, m mat.Matrix) {
	for i := range w.Shape[1] {
		for j := range w.Shape[2] {
			w.at(h, i, j)[0] = float32(m.At(i, j))
		}
	}
}

// readingMatrix is head h of W_Q, W_K or W_V [d_model, head, d_head].
func readingMatrix(w *Array, h int) *mat.Dense {
	m := mat.NewDense(w.Shape[0], w.Shape[2], nil)
	m.Apply(func(i, j int, _ float64) float64 { return float64(w.at(i, h, j)[0]) }, m)
	return m
}

func setReadingMatrix(w *Array, h int, m mat.Matrix) {
	for i := range w.Shape[0] {
		for j := range w.Shape[2] {
			w.at(i, h, j)[0] = float32(m.At(i, j))
		}
	}
}

// at are the values of an array with three axes from some indices on.
func (a *Array) at(i, j, k int) []float32 { return a.Data[(i*a.Shape[1]+j)*a.Shape[2]+k:] }

// withBias is head h's W with its bias as one more row: [d_model+1, d_head].
func withBias(c Config, sd StateDict, p, which string, h int) *mat.Dense {
	w := readingMatrix(sd[p+"attn.W_"+which], h)
	m := mat.NewDense(c.DModel+1, c.DHead, nil)
	m.Slice(0, c.DModel, 0, c.DHead).(*mat.Dense).Copy(w)
	if b := sd[p+"attn.b_"+which]; b != nil {
		for j := range c.DHead {
			m.Set(c.DModel, j, float64(b.Data[h*c.DHead+j]))
		}
	}
	return m
}

func setWithBias(c Config, sd StateDict, p, which string, h int, m *mat.Dense) {
	setReadingMatrix(sd[p+"attn.W_"+which], h, m.Slice(0, c.DModel, 0, c.DHead))
	b := sd[p+"attn.b_"+which]
	if b == nil {
		return // the last row is zero, since both factors' are
	}
	for j := range c.DHead {
		b.Data[h*c.DHead+j] = float32(m.At(c.DModel, j))
	}
}
