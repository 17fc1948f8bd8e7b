package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Functions of matrices, [..., row, column]. A diagonal is counted from the main one: those above
// it are positive, those below it negative, as in PyTorch.

// Tril keeps the entries on and below a diagonal, the main one unless told otherwise, and makes the
// rest zero. Of a tensor of ones [query, key] it is the causal mask; see [NewCausalMask].
func (t *Tensor) Tril(diagonal ...int) *Tensor {
	k := oneDiagonal("Tril", diagonal)
	return t.triangle(fmt.Sprint("tril ", k), func(from *Node) *Node {
		return LessOrEqual(from, Scalar(from.Graph(), dtypes.Int32, k))
	})
}

// Triu keeps the entries on and above a diagonal, the main one unless told otherwise, and makes the
// rest zero.
func (t *Tensor) Triu(diagonal ...int) *Tensor {
	k := oneDiagonal("Triu", diagonal)
	return t.triangle(fmt.Sprint("triu ", k), func(from *Node) *Node {
		return GreaterOrEqual(from, Scalar(from.Graph(), dtypes.Int32, k))
	})
}

func oneDiagonal(method string, diagonal []int) int {
	switch len(diagonal) {
	case 0:
		return 0
	case 1:
		if k := diagonal[0]; int(int32(k)) == k {
			return k
		}
	}
	fail("%s takes one diagonal, such as 0 or -1, not %v", method, diagonal)
	return 0
}

// triangle keeps the entries on the diagonals that keep picks.
func (t *Tensor) triangle(key string, keep func(diagonal *Node) *Node) *Tensor {
	t.needMatrix(key)
	return t.each(key, func(x *Node) *Node {
		whole := x.Shape().Clone()
		whole.DType = dtypes.Int32
		n := whole.Rank()
		kept := keep(Sub(Iota(x.Graph(), whole, n-1), Iota(x.Graph(), whole, n-2)))
		if x.DType() == dtypes.Bool {
			return LogicalAnd(kept, x)
		}
		return Where(kept, x, ZerosLike(x))
	})
}

func (t *Tensor) needMatrix(what string) (rows, columns int) {
	n := len(t.need().axes)
	if n < 2 {
		fail("%s of a tensor %s: want a matrix", what, t.Describe())
	}
	return t.value.Shape().Dim(n - 2), t.value.Shape().Dim(n - 1)
}

// Diagonal are the entries on a diagonal of the last two axes, which make way for an axis
// "diagonal". Of a pattern [batch, head, query, key] Diagonal(-1) is the attention to the token
// before, of queries 1, 2, ...
func (t *Tensor) Diagonal(offset int) *Tensor {
	rows, columns := t.needMatrix("Diagonal")
	if offset <= -rows || offset >= columns {
		fail("Diagonal(%d) of a tensor %s: it has those from %d to %d", offset, t.Describe(), 1-rows, columns-1)
	}
	n := len(t.axes)
	lead := t.Shape()[:n-2]
	v := t.eng.eager(fmt.Sprint("diagonal ", offset), func(in []*Node) *Node {
		taken := diagonalOf(Reshape(in[0], sizeOf(lead), rows, columns), offset)
		return Reshape(taken, append(slices.Clone(lead), taken.Shape().Dim(1))...)
	}, t.value)
	return &Tensor{v, append(slices.Clone(t.axes[:n-2]), "diagonal"), t.eng}
}

// diagonalOf are the entries on a diagonal of x [batch, row, column], as [batch, n]. In a row after
// the other they lie one row and one column apart.
func diagonalOf(x *Node, offset int) *Node {
	batch, rows, columns := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	row, column := max(-offset, 0), max(offset, 0)
	n := min(rows-row, columns-column)
	first := row*columns + column
	flat := Reshape(x, batch, rows*columns)
	return SliceAxis(flat, 1, AxisRange(first, first+(n-1)*(columns+1)+1).Stride(columns+1))
}
