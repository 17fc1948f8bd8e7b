package hooked

import (
	"fmt"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/mat"

	"gopherlens/internal/brief"
)

// A CompositionMode says through which input a later head reads an earlier one.
type CompositionMode string

// The modes of composition.
const (
	QComposition CompositionMode = "Q"
	KComposition CompositionMode = "K"
	VComposition CompositionMode = "V"
)

// AllCompositionScores says how much each head reads of what each earlier head writes (Elhage et
// al. 2021): [left layer, left head, right layer, right head], zero where left does not lie in a
// layer below right. The score is |L R| / (|L| |R|) in Frobenius norms, L the left head's OV
// circuit, R the right one's QK circuit (Q), its transpose (K) or OV circuit (V). Norms that keep
// weights of their own, and norms of queries, keys or of what attention writes, stand between: such
// models are refused.
func (m *Model) AllCompositionScores(mode CompositionMode) (*Tensor, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("AllCompositionScores: %w", err)
	}
	if err := m.composes(mode); err != nil {
		return nil, fmt.Errorf("AllCompositionScores: %w", err)
	}
	left, err := m.OV()
	if err != nil {
		return nil, err
	}
	right := left
	if mode != VComposition {
		if right, err = m.QK(); err != nil {
			return nil, err
		}
	}
	switch mode {
	case QComposition, VComposition:
	case KComposition:
		right = right.T()
	default:
		return nil, brief.Errorf("composition mode %q: want QComposition, KComposition or VComposition", mode)
	}
	var out *Tensor
	err = Try(func() { out = composeAll(left, right) })
	return out, err
}

// composes refuses a model in which products of weights do not say what heads read of each other.
func (m *Model) composes(mode CompositionMode) error {
	switch c := m.cfg; {
	case c.Normalization.HasWeights():
		return fmt.Errorf("the norms of the model have weights of their own, which stand between heads: load it with FoldLN")
	case c.ClipQKV > 0:
		return fmt.Errorf("in this model (%s) queries, keys and values are cut off (ClipQKV)", c.Architecture)
	case c.NormAfterSum:
		return c.noSum()
	case c.NormalizesOutputs():
		return fmt.Errorf("in this model (%s) what heads write is normalized before it is added", c.Architecture)
	case c.UseQKNorm && mode != VComposition:
		return fmt.Errorf("in this model (%s) heads normalize their queries and keys: only VComposition is told by weights", c.Architecture)
	}
	return nil
}

// composeAll computes the scores of one pair of layers at a time, of those that can compose: half
// of the pairs of layers are zero. All pairs share their program.
func composeAll(left, right *FactoredMatrix) *Tensor {
	shape := left.Shape()
	layers, heads := shape[0], shape[1]
	l, r := left.reading(), right.writing()
	out := NewArray(layers, heads, layers, heads)
	for from := range layers - 1 {
		for to := from + 1; to < layers; to++ {
			for h, row := range rowsOf(compose(l.at(from), r.at(to)).Float32s(), heads) {
				copy(out.Data[((from*heads+h)*layers+to)*heads:], row)
			}
		}
	}
	return left.A().eng.tensorOf(out.Data, out.Shape, "left_layer", "left_head", "right_layer", "right_head")
}

// rowsOf are rows of n values each.
func rowsOf(values []float32, n int) [][]float32 { return slices.Collect(slices.Chunk(values, n)) }

// CompositionScores is |L R| / (|L| |R|) for every matrix of left with every matrix of right, in
// Frobenius norms. The axes of the result are left's leading ones, then right's, as "left_..." and
// "right_...". No product of the size of the matrices is made: L = A B has the norms of G B with G
// the square root of A^T A, whatever is multiplied from the right, and so has R from the left.
func CompositionScores(left, right *FactoredMatrix) *Tensor {
	return compose(left.reading(), right.writing())
}

// A composed is one side of a composition: matrices with as few rows or columns as the rank, and
// their Frobenius norms.
type composed struct {
	matrix *Tensor // [..., rank, column] of the left side, [..., row, rank] of the right one
	norm   *Tensor // [...]
}

// reading is f as the left side.
func (f *FactoredMatrix) reading() composed {
	a := f.A()
	return sideOf(matmul(matmul(a.swapped(), a).root(), f.B()))
}

// writing is f as the right side.
func (f *FactoredMatrix) writing() composed {
	b := f.B()
	return sideOf(matmul(f.A(), matmul(b, b.swapped()).root()))
}

func sideOf(t *Tensor) composed {
	n := len(t.axes)
	return composed{t, t.Norm(t.axes[n-2:]...)}
}

// at is the side at one entry of its first axis.
func (c composed) at(i int) composed { return composed{c.matrix.At(i), c.norm.At(i)} }

// compose are the scores of each matrix on the left with each on the right.
func compose(left, right composed) *Tensor {
	eng := left.matrix.eng
	norms := eng.eager("composition", norms, left.matrix.value, right.matrix.value)
	product := &Tensor{norms, slices.Concat(prefixed("left_", left.norm), prefixed("right_", right.norm)), eng}
	l, r := spaced(prefixed("left_", left.norm)), spaced(prefixed("right_", right.norm))
	return product.Div(left.norm.Einsum(fmt.Sprintf("%s, %s -> %s %s", l, r, l, r), right.norm)).Named(spaced(product.axes))
}

func prefixed(prefix string, t *Tensor) []string {
	names := make([]string, len(t.axes))
	for i, name := range t.axes {
		names[i] = prefix + name
	}
	return names
}

// norms are the Frobenius norms of all products of matrices in[0] [..., rank, d] and in[1] [..., d,
// rank]: the leading axes of both. They are one large product of matrices.
func norms(in []*Node) *Node {
	l, r := in[0].Shape().Dimensions, in[1].Shape().Dimensions
	leadL, leadR := l[:len(l)-2], r[:len(r)-2]
	rankL, d, rankR := l[len(l)-2], l[len(l)-1], r[len(r)-1]
	nL, nR := sizeOf(leadL), sizeOf(leadR)
	columns := TransposeAllAxes(Reshape(in[1], nR, d, rankR), 1, 0, 2)
	product := Dot(Reshape(in[0], nL*rankL, d), Reshape(columns, d, nR*rankR)).MatMul()
	squares := reduceSum(reduceSum(Reshape(Square(product), nL, rankL, nR, rankR), 3), 1)
	return Reshape(Sqrt(squares), slices.Concat(leadL, leadR)...)
}

// root is the square root of each matrix [..., n, n], which must be symmetric and without negative
// eigenvalues but for rounding. It is computed on the host in double precision.
func (t *Tensor) root() *Tensor {
	whole := t.matrices()
	parts := make([]svd, len(whole))
	parallel(len(whole), func(i int) { parts[i].u = rootOf(whole[i]) })
	n := len(t.axes)
	return t.eng.fromMatrices(parts, func(p svd) *mat.Dense { return p.u }, t.Shape()[:n-2], slices.Clone(t.axes))
}

func rootOf(m *mat.Dense) *mat.Dense {
	n, _ := m.Dims()
	symmetric := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			symmetric.SetSym(i, j, (m.At(i, j)+m.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric, true) {
		fail("the eigenvalues of a matrix of %d rows did not converge", n)
	}
	var vectors, out mat.Dense
	eigen.VectorsTo(&vectors)
	roots := eigen.Values(nil)
	for i, v := range roots {
		roots[i] = math.Sqrt(max(0, v))
	}
	out.Product(&vectors, mat.NewDiagDense(n, roots), vectors.T())
	return &out
}
