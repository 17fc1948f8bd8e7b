package hooked

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// A FactoredMatrix is the product A B of a tall matrix and a wide one, kept as the two: the OV and
// QK circuits of a head are d_model x d_model matrices of rank d_head. A is [..., row, rank], B is
// [..., rank, column]; the axes before are batches. The product itself is made only by
// [FactoredMatrix.AB].
//
// Like those of [Tensor], methods panic if shapes do not fit; [Try] makes that an error.
type FactoredMatrix struct {
	a, b *Tensor
}

// need is f, which must not be nil.
func (f *FactoredMatrix) need() *FactoredMatrix {
	if f == nil || f.a == nil || f.b == nil {
		fail("the factored matrix is nil: look at the error of the call that should have made it")
	}
	return f
}

// Factored is the matrix with these factors. Their leading axes must be the same.
func Factored(a, b *Tensor) *FactoredMatrix {
	na, nb := a.Shape(), b.Shape()
	if len(na) != len(nb) || len(na) < 2 || !slices.Equal(na[:len(na)-2], nb[:len(nb)-2]) || na[len(na)-1] != nb[len(nb)-2] {
		fail("Factored: %v and %v do not multiply: want [..., row, rank] and [..., rank, column]", a.Describe(), b.Describe())
	}
	return &FactoredMatrix{a, b}
}

// JoinFactored is the sum of products, as one factored matrix whose rank is the sum of theirs: the
// factors stand side by side, [A1 A2] and [B1; B2]. Of two heads' OV circuits it is what they write
// together, the effective OV circuit. All must have the same shape.
func JoinFactored(parts ...*FactoredMatrix) *FactoredMatrix {
	if len(parts) == 0 {
		fail("JoinFactored: no matrix is given")
	}
	a, b := make([]*Tensor, len(parts)), make([]*Tensor, len(parts))
	for i, f := range parts {
		if a[i], b[i] = f.A(), f.B(); !slices.Equal(f.Shape(), parts[0].Shape()) {
			fail("JoinFactored: the products have shapes %v and %v: want the same", parts[0].Shape(), f.Shape())
		}
	}
	n := len(a[0].axes)
	return Factored(joinAlong(n-1, a), joinAlong(n-2, b))
}

// joinAlong puts tensors side by side along an axis.
func joinAlong(axis int, parts []*Tensor) *Tensor {
	values := make([]*tensors.Tensor, len(parts))
	for i, t := range parts {
		values[i] = t.value
	}
	v := parts[0].eng.eager(fmt.Sprint("join ", axis), func(in []*Node) *Node { return Concatenate(in, axis) }, values...)
	return &Tensor{v, slices.Clone(parts[0].axes), parts[0].eng}
}

// OV are the OV circuits of all heads, W_V W_O: [layer, head, d_model, d_model].
func (m *Model) OV() (*FactoredMatrix, error) {
	v, err := m.WV()
	if err != nil {
		return nil, err
	}
	o, err := m.WO()
	if err != nil {
		return nil, err
	}
	return Factored(v, o), nil
}

// QK are the QK circuits of all heads, W_Q W_K^T: [layer, head, d_model, d_model]. With rotary
// positions they say what attends to what only where query and key stand at the same position.
func (m *Model) QK() (*FactoredMatrix, error) {
	q, err := m.WQ()
	if err != nil {
		return nil, err
	}
	k, err := m.WK()
	if err != nil {
		return nil, err
	}
	return Factored(q, k.swapped()), nil
}

// swapped is t with its last two axes exchanged.
func (t *Tensor) swapped() *Tensor {
	order := make([]int, len(t.axes))
	for i := range order {
		order[i] = i
	}
	n := len(order)
	order[n-2], order[n-1] = n-1, n-2
	axes := make([]string, n)
	for i, from := range order {
		axes[i] = t.axes[from]
	}
	return t.permuted(order, axes)
}

// A is the left factor, [..., row, rank].
func (f *FactoredMatrix) A() *Tensor { return f.need().a }

// B is the right factor, [..., rank, column].
func (f *FactoredMatrix) B() *Tensor { return f.need().b }

// Shape is that of the product.
func (f *FactoredMatrix) Shape() []int {
	shape, right := f.A().Shape(), f.B().Shape()
	shape[len(shape)-1] = right[len(right)-1]
	return shape
}

// AxisNames are the product's; where rows and columns have the same name the columns' ends in
// "_out".
func (f *FactoredMatrix) AxisNames() []string {
	axes := f.A().AxisNames()
	n := len(axes)
	axes[n-1] = f.B().axes[n-1]
	if slices.Contains(axes[:n-1], axes[n-1]) {
		axes[n-1] += "_out"
	}
	return axes
}

// Rank is the size of the axis between the factors, the most that the product's rank can be.
func (f *FactoredMatrix) Rank() int { return f.A().Shape()[len(f.A().axes)-1] }

// String is the shapes of product and factors.
func (f *FactoredMatrix) String() string {
	if f == nil {
		return "nil matrix"
	}
	return fmt.Sprintf("%v = %s @ %s", f.Shape(), f.A().Describe(), f.B().Describe())
}

// AB is the product as a tensor, [..., row, column].
func (f *FactoredMatrix) AB() *Tensor {
	return matmul(f.A(), f.B()).Named(spaced(f.AxisNames()))
}

// BA is the product the other way round, [..., rank, rank]: small, with the same eigenvalues but
// for zeros.
func (f *FactoredMatrix) BA() *Tensor {
	return matmul(f.B(), f.A())
}

// matmul multiplies the last two axes; leading axes must be the same, or one side has none. The
// product's last axis gets another name than those before.
func matmul(a, b *Tensor) *Tensor {
	rankA, rankB := len(a.axes), len(b.axes)
	if rankA < 2 || rankB < 2 {
		fail("the product of %v and %v needs matrices", a.Describe(), b.Describe())
	}
	lead := batchNames(max(rankA, rankB) - 2)
	leadA, leadB := lead[:rankA-2], lead[:rankB-2]
	if rankA != rankB && rankA > 2 && rankB > 2 {
		fail("%v and %v have other leading axes", a.Describe(), b.Describe())
	}
	c := a.Einsum(fmt.Sprintf("%s row inner, %s inner column -> %s row column", spaced(leadA), spaced(leadB), spaced(lead)), b)
	longer := a.axes
	if rankB > rankA {
		longer = b.axes
	}
	axes := append(slices.Clone(longer[:len(lead)]), a.axes[rankA-2], b.axes[rankB-1])
	if n := len(axes); slices.Contains(axes[:n-1], axes[n-1]) {
		axes[n-1] += "_out"
	}
	return c.Named(spaced(axes))
}

// batchNames are names for n leading axes in equations.
func batchNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("batch%d", i)
	}
	return names
}

// T is the transpose, B^T A^T.
func (f *FactoredMatrix) T() *FactoredMatrix { return Factored(f.B().swapped(), f.A().swapped()) }

// MatMul is f times a matrix [..., column, n]; it stays factored.
func (f *FactoredMatrix) MatMul(right *Tensor) *FactoredMatrix {
	return spreadBatch(f.A(), matmul(f.B(), right))
}

// LeftMatMul is a matrix [..., n, row] times f; it stays factored.
func (f *FactoredMatrix) LeftMatMul(left *Tensor) *FactoredMatrix {
	return spreadBatch(matmul(left, f.A()), f.B())
}

// spreadBatch repeats the factor without leading axes along those of the other.
func spreadBatch(a, b *Tensor) *FactoredMatrix {
	if len(a.axes) < len(b.axes) {
		a = a.alongBatch(b)
	}
	if len(b.axes) < len(a.axes) {
		b = b.alongBatch(a)
	}
	return Factored(a, b)
}

func (t *Tensor) alongBatch(other *Tensor) *Tensor {
	lead := other.axes[:len(other.axes)-2]
	for i := len(lead) - 1; i >= 0; i-- {
		t = StackTensors(lead[i], slices.Repeat([]*Tensor{t}, other.Shape()[i])...)
	}
	return t
}

// MatMulFactored is f times another factored matrix, with the smaller of the two ranks.
func (f *FactoredMatrix) MatMulFactored(right *FactoredMatrix) *FactoredMatrix {
	middle := matmul(f.B(), right.A()) // [..., rank, rank]
	if f.Rank() > right.Rank() {
		return spreadBatch(matmul(f.A(), middle), right.B())
	}
	return spreadBatch(f.A(), matmul(middle, right.B()))
}

// MulVec is f times a vector [column]: [..., row].
func (f *FactoredMatrix) MulVec(v *Tensor) *Tensor {
	lead := spaced(batchNames(len(f.A().axes) - 2))
	out := f.B().Einsum(fmt.Sprintf("%s rank column, column, %s row rank -> %s row", lead, lead, lead), v, f.A())
	return out.Named(spaced(f.A().axes[:len(f.A().axes)-1]))
}

// VecMul is a vector [row] times f: [..., column].
func (f *FactoredMatrix) VecMul(v *Tensor) *Tensor { return f.T().MulVec(v) }

// Scale is f times a number.
func (f *FactoredMatrix) Scale(factor float64) *FactoredMatrix {
	return Factored(f.A().Scale(factor), f.B())
}

// At indexes the leading axes as [Tensor.At] does, with an int, [All], a [Range] or a []int each,
// and if there are more indices the rows and the columns. An int for a row or a column keeps it as
// a matrix of one.
func (f *FactoredMatrix) At(indices ...any) *FactoredMatrix {
	lead := len(f.A().axes) - 2
	if len(indices) > lead+2 {
		fail("%d indices for a factored matrix of shape %v", len(indices), f.Shape())
	}
	a, b := f.A(), f.B()
	if n := min(lead, len(indices)); n > 0 {
		a, b = a.At(indices[:n]...), b.At(indices[:n]...)
	}
	whole := slices.Repeat([]any{All}, len(a.axes)-2)
	if len(indices) > lead {
		a = a.At(append(slices.Clone(whole), keptIndex(indices[lead]))...)
	}
	if len(indices) > lead+1 {
		b = b.At(append(slices.Clone(whole), All, keptIndex(indices[lead+1]))...)
	}
	return Factored(a, b)
}

func keptIndex(index any) any {
	if i, ok := index.(int); ok {
		return []int{i}
	}
	return index
}

// Corner is the upper left n x n part of the product, to look at.
func (f *FactoredMatrix) Corner(n int) *Tensor {
	shape := f.Shape()
	lead := slices.Repeat([]any{All}, len(shape)-2)
	rows, columns := min(n, shape[len(lead)]), min(n, shape[len(lead)+1])
	return f.At(append(lead, Range{0, rows}, Range{0, columns})...).AB()
}

// Unsqueeze adds an axis of size one before the leading axis at index k.
func (f *FactoredMatrix) Unsqueeze(k int, axis string) *FactoredMatrix {
	return Factored(f.A().unsqueeze(k, axis), f.B().unsqueeze(k, axis))
}

func (t *Tensor) unsqueeze(k int, axis string) *Tensor {
	if k < 0 || k > len(t.axes)-2 {
		fail("Unsqueeze(%d) of %v: want a leading axis", k, t.Describe())
	}
	return t.reshape(slices.Insert(slices.Clone(t.axes), k, axis), slices.Insert(t.Shape(), k, 1)...)
}

// Norm is the Frobenius norm of the product, [...]: the square root of the sum of its squares, or
// of its singular values'.
func (f *FactoredMatrix) Norm() *Tensor {
	lead := batchNames(len(f.A().axes) - 2)
	l := strings.Join(lead, " ")
	gramA := f.A().Einsum(fmt.Sprintf("%s row r, %s row s -> %s r s", l, l, l), f.A())
	square := gramA.Einsum(fmt.Sprintf("%s r s, %s r column, %s s column -> %s", l, l, l, l), f.B(), f.B())
	return square.Named(spaced(f.A().axes[:len(lead)])).Sqrt()
}
